"""Runs a network: with ONNX Runtime on a CPU, with torch on a GPU, or the reverse; all give the same outputs."""

import hashlib
import logging
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from shared.networks.cards import check_weights
from shared.state_files import read_state

if TYPE_CHECKING:
    from torch import nn

BACKENDS = ("auto", "onnx", "torch")
DEVICES = ("auto", "cpu", "cuda")
CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"  # of ONNX Runtime
MAX_BYTES = 1 << 30  # of a file of weights; the shipped ones have 1 MB
MIN_GPU_BYTES = 3_000_000_000  # an inference worker's share of the GPU's memory

log = logging.getLogger("digitcam")

# raised by ONNX Runtime for a file that is not a model, is truncated, or needs a newer ONNX Runtime
NOT_A_MODEL = (ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.InvalidProtobuf, ort.NotImplemented)


class Network(Protocol):
    """A loaded network; maps float32 N x ... to float32 N x ... (N at least 1)."""

    name: str
    version: str  # the first 12 hexadecimal digits of the file's SHA-256
    device: str  # cpu or cuda

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (logits)."""


def load_network(path: Path, backend: str = "auto", device: str = "auto", threads: int = 1) -> Network:
    """Load a network from its .onnx file, or, for torch, from the .pt file of the same name next to it.

    auto means ONNX Runtime on the CPU, or torch on CUDA if there is a CUDA device and torch is installed. Raises
    ValueError, in one sentence, if the file is unusable or this machine can't run the choice. Logs a warning if the
    file is not the one that its card names.
    """
    backend, device = choose_runtime(backend, device)
    if backend == "torch":
        return TorchNetwork(path.with_suffix(".pt"), device, threads)
    return OnnxNetwork(path, threads, device)


def find_room(backend: str, device: str) -> tuple[str, str]:
    """Return what choose_runtime() returns, but the CPU if the GPU has too little free memory for a worker.

    To be called before anything is loaded. Raises ValueError, in one sentence, if the settings name the GPU.
    """
    chosen = choose_runtime(backend, device)
    if chosen != ("torch", "cuda") or (free_bytes := count_free_gpu_bytes()) >= MIN_GPU_BYTES:
        return chosen
    shortage = f"{free_bytes / 1e9:.1f} GB of the GPU's memory are free, and a worker takes {MIN_GPU_BYTES / 1e9:.0f}"
    if device == "cuda":
        raise ValueError(f"device cuda: {shortage}: stop what else uses the GPU, or choose device cpu")
    log.warning("the networks run on the CPU: %s", shortage)
    return choose_runtime(backend, "cpu")


def choose_runtime(backend: str, device: str) -> tuple[str, str]:
    """Return the backend (onnx or torch) and device (cpu or cuda) that settings mean on this machine."""
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r} is unknown: choose {', '.join(BACKENDS)}")
    if device not in DEVICES:
        raise ValueError(f"device {device!r} is unknown: choose {', '.join(DEVICES)}")
    if backend == "auto":
        has_gpu = device == "auto" and has_nvidia() and has_torch() and has_cuda()
        backend = "torch" if device == "cuda" or has_gpu else "onnx"
    if backend == "onnx":
        if device == "cuda" and CUDA_PROVIDER not in onnxruntime.get_available_providers():
            raise ValueError(
                "this ONNX Runtime runs on the CPU: choose device cpu or backend torch, or install onnxruntime-gpu"
            )
        return "onnx", "cuda" if device == "cuda" else "cpu"
    if not has_torch():
        raise ValueError("backend torch needs torch, which is not installed: pip install torch")
    if device == "cuda" and not has_cuda():
        raise ValueError("device cuda: torch finds no CUDA device here, choose device auto or cpu")
    return "torch", "cuda" if device != "cpu" and has_cuda() else "cpu"


def has_nvidia() -> bool:
    """Return whether there seems to be an NVIDIA device; without torch, whose import takes 1.4 s."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def has_torch() -> bool:
    return find_spec("torch") is not None


def has_cuda() -> bool:
    import torch  # noqa: PLC0415  500 MB and over a second

    return torch.cuda.is_available()


def count_free_gpu_bytes() -> int:
    """Return the free memory of the CUDA device."""
    import torch  # noqa: PLC0415  500 MB and over a second

    return torch.cuda.mem_get_info()[0]


class OnnxNetwork:
    """A network in ONNX Runtime, on the CPU or on a CUDA device."""

    def __init__(self, path: Path, threads: int, device: str = "cpu") -> None:
        model = read_weights(path)
        check_weights(path, model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised; they need not be printed too
        # threads that spin between frames would take the cores from other processes
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [CUDA_PROVIDER, CPU_PROVIDER] if device == "cuda" else [CPU_PROVIDER]
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except NOT_A_MODEL as error:
            raise ValueError(f"{path} is not an ONNX model this program can run, or is damaged") from error
        if self._session.get_providers()[0] != providers[0]:  # it takes the next one if it finds no CUDA libraries
            raise ValueError("ONNX Runtime can't use the GPU: CUDA or cuDNN is missing, choose device cpu")
        self._input = self._session.get_inputs()[0].name
        self.name, self.version, self.device = path.stem, hash_weights(model), device

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (logits)."""
        outputs: NDArray[np.float32] = self._session.run(None, {self._input: inputs})[0]
        return outputs


class TorchNetwork:
    """A network in torch, on the CPU or on a CUDA device."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        import torch  # noqa: PLC0415  500 MB and over a second

        from shared.networks.architectures import load_checkpoint  # noqa: PLC0415  imports torch

        weights = read_weights(path)
        check_weights(path, weights)
        torch.set_num_threads(threads)
        self._torch = torch
        self.module: nn.Module = load_checkpoint(path).to(device)
        self.name, self.version, self.device = path.stem, hash_weights(weights), device

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw outputs (logits)."""
        with self._torch.inference_mode():
            on_device = self._torch.tensor(inputs, device=self.device)
            outputs: NDArray[np.float32] = self.module(on_device).cpu().numpy()
        return outputs


def read_weights(path: Path) -> bytes:
    """Return the bytes of a file of weights. Raises ValueError in one sentence."""
    try:
        return read_state(path, MAX_BYTES)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise ValueError(f"the network {path} can't be read: {reason}") from error
    except ValueError as error:
        raise ValueError(f"the network {path} can't be read: {error}") from error


def hash_weights(weights: bytes) -> str:
    """Return the version of weights: the start of their SHA-256."""
    return hashlib.sha256(weights).hexdigest()[:12]
