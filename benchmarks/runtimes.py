"""What can run a network on one thread of a CPU: each is a function from a file of weights to a call on arrays."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Arrays = NDArray[np.float32]
Call = Callable[[Arrays], Arrays]


@dataclass(frozen=True, slots=True)
class Runtime:
    """One of them, the packages and programs that it needs, and the kind of file that it loads."""

    name: str
    load: Callable[[Path], Call]  # of the file itself
    needs: tuple[str, ...]
    suffix: str = ".onnx"

    @property
    def is_there(self) -> bool:
        """Whether what it needs is installed."""
        return all(find_spec(name) or shutil.which(name) for name in self.needs)


def load_onnx(path: Path) -> Call:
    """ONNX Runtime with nothing around it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def call(inputs: Arrays) -> Arrays:
        outputs: Arrays = session.run(None, {name: inputs})[0]
        return outputs

    return call


def load_torch(path: Path) -> Call:
    """Torch as it is."""
    import torch  # noqa: PLC0415 - 500 MB and over a second: only for who compares it

    from shared.networks.architectures import load_checkpoint  # noqa: PLC0415 - it imports torch

    torch.set_num_threads(1)
    return wrap_torch(load_checkpoint(path))


def load_compiled(path: Path) -> Call:
    """Torch compiled for any batch size; the first call of a shape takes seconds."""
    import torch  # noqa: PLC0415 - as above

    from shared.networks.architectures import load_checkpoint  # noqa: PLC0415 - as above

    torch.set_num_threads(1)
    return wrap_torch(torch.compile(load_checkpoint(path), dynamic=True))


def wrap_torch(network: Callable[[Any], Any]) -> Call:
    """A torch module as a call on arrays."""
    import torch  # noqa: PLC0415 - as above

    def call(inputs: Arrays) -> Arrays:
        with torch.inference_mode():
            outputs: Arrays = network(torch.from_numpy(inputs)).numpy()
        return outputs

    return call


def load_openvino(path: Path) -> Call:
    """OpenVINO on one thread, for latency, in the same 32 bits as the others."""
    import openvino  # noqa: PLC0415 - it may not be installed

    choice = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.Core().compile_model(path, "CPU", choice)

    def call(inputs: Arrays) -> Arrays:
        outputs: Arrays = network([inputs])[0]
        return outputs

    return call


RUNTIMES = (
    Runtime("ONNX Runtime", load_onnx, ("onnxruntime",)),
    Runtime("torch", load_torch, ("torch",), ".pt"),
    Runtime("torch.compile", load_compiled, ("torch", "g++"), ".pt"),
    Runtime("OpenVINO", load_openvino, ("openvino",)),
)
