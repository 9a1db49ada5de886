"""A shipped network ready to answer: ONNX Runtime on a CPU, torch on a GPU, the same answers from both."""

import hashlib
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort

if TYPE_CHECKING:
    from torch import nn

BACKENDS = ("auto", "onnx", "torch")
DEVICES = ("auto", "cpu", "cuda")

# what ONNX Runtime raises for a file that is not a model, is cut off, or needs a newer ONNX Runtime
NOT_A_MODEL = (ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.InvalidProtobuf, ort.NotImplemented)


class Network(Protocol):
    """A network that is loaded; called with float32 N x ..., it gives float32 N x ... (N at least 1)."""

    name: str
    version: str  # the first 12 hexadecimal digits of the file's SHA-256
    device: str  # cpu or cuda

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (logits)."""


def load_network(path: Path, backend: str = "auto", device: str = "auto", threads: int = 1) -> Network:
    """Load a network by the path of its .onnx file; torch takes the .pt of the same name beside it.

    auto is ONNX Runtime on the CPU, but torch on CUDA where there is a CUDA device and torch is installed.
    Raises ValueError, in one sentence, for a file or a choice that can't work.
    """
    backend, device = choose_runtime(backend, device)
    if backend == "torch":
        return TorchNetwork(path.with_suffix(".pt"), device, threads)
    return OnnxNetwork(path, threads)


def choose_runtime(backend: str, device: str) -> tuple[str, str]:
    """Return the backend (onnx or torch) and device (cpu or cuda) that a choice means on this machine."""
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r} is unknown: choose {', '.join(BACKENDS)}")
    if device not in DEVICES:
        raise ValueError(f"device {device!r} is unknown: choose {', '.join(DEVICES)}")
    if backend == "onnx" and device == "cuda":
        raise ValueError("backend onnx runs on the CPU: choose device cpu, or backend torch for cuda")
    if backend == "auto" and device == "auto":
        return ("torch", "cuda") if has_nvidia() and has_torch() and has_cuda() else ("onnx", "cpu")
    if backend == "auto":
        backend = "torch" if device == "cuda" else "onnx"
    if backend == "torch":
        return "torch", choose_torch_device(device)
    return "onnx", "cpu"


def choose_torch_device(device: str) -> str:
    """Return cpu or cuda for the torch backend."""
    if not has_torch():
        raise ValueError("backend torch needs torch, which is not installed: pip install 'digitcam[train]'")
    if device == "cuda" and not has_cuda():
        raise ValueError("device cuda: torch finds no CUDA device here, choose device auto or cpu")
    return "cuda" if device != "cpu" and has_cuda() else "cpu"


def has_nvidia() -> bool:
    """Whether this looks like a machine with an NVIDIA device; found without torch, whose import costs 1.4 s."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def has_torch() -> bool:
    """Whether torch is installed."""
    return find_spec("torch") is not None


def has_cuda() -> bool:
    """Whether torch can use a CUDA device."""
    import torch  # noqa: PLC0415  500 MB and over a second: only where it may be used

    return torch.cuda.is_available()


class OnnxNetwork:
    """A network in ONNX Runtime, on the CPU."""

    def __init__(self, path: Path, threads: int) -> None:
        model = read_weights(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; printing it too would be a second sentence
        # threads that spin between two frames would take the cores from the other processes
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except NOT_A_MODEL as error:
            raise ValueError(f"{path} is not an ONNX model this program can run, or is damaged") from error
        self._input = self._session.get_inputs()[0].name
        self.name, self.version, self.device = path.stem, hash_weights(model), "cpu"

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (logits)."""
        outputs: NDArray[np.float32] = self._session.run(None, {self._input: inputs})[0]
        return outputs


class TorchNetwork:
    """A network in torch, on the CPU or on a CUDA device."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        import torch  # noqa: PLC0415  500 MB and over a second: only for who chose it

        from shared.networks.architectures import load_checkpoint  # noqa: PLC0415  it imports torch

        weights = read_weights(path)
        torch.set_num_threads(threads)
        self._network: nn.Module = load_checkpoint(path).to(device)
        self.name, self.version, self.device = path.stem, hash_weights(weights), device

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (logits)."""
        import torch  # noqa: PLC0415  a look-up by now

        with torch.inference_mode():
            outputs: NDArray[np.float32] = self._network(torch.tensor(inputs, device=self.device)).cpu().numpy()
        return outputs


def read_weights(path: Path) -> bytes:
    """Return the bytes of a file of weights."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise ValueError(f"the network {path} can't be read: {reason}") from error


def hash_weights(weights: bytes) -> str:
    """Return the short name of exactly these weights."""
    return hashlib.sha256(weights).hexdigest()[:12]
