"""Runtimes that run a network on one CPU thread: each loads a file of weights as a function on arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Arrays = NDArray[np.float32]
NetworkCall = Callable[[Arrays], Arrays]


@dataclass(frozen=True, slots=True)
class Runtime:
    name: str
    load: Callable[[Path], NetworkCall]
    package: str
    suffix: str = ".onnx"

    @property
    def is_installed(self) -> bool:
        return find_spec(self.package) is not None


def load_onnx(path: Path) -> NetworkCall:
    """Load a network in plain ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def call(inputs: Arrays) -> Arrays:
        outputs: Arrays = session.run(None, {name: inputs})[0]
        return outputs

    return call


def load_torch(path: Path) -> NetworkCall:
    """Load a network in plain torch."""
    import torch  # noqa: PLC0415 - 500 MB and over a second

    from shared.networks.architectures import load_checkpoint  # noqa: PLC0415 - imports torch

    torch.set_num_threads(1)
    network = load_checkpoint(path)

    def call(inputs: Arrays) -> Arrays:
        with torch.inference_mode():
            outputs: Arrays = network(torch.from_numpy(inputs)).numpy()
        return outputs

    return call


def load_openvino(path: Path) -> NetworkCall:
    """Load a network in OpenVINO: one thread, low latency, 32 bits as in the other runtimes."""
    import openvino  # noqa: PLC0415 - may not be installed

    config = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.Core().compile_model(path, "CPU", config)

    def call(inputs: Arrays) -> Arrays:
        outputs: Arrays = network([inputs])[0]
        return outputs

    return call


RUNTIMES = (
    Runtime("ONNX Runtime", load_onnx, "onnxruntime"),
    Runtime("torch", load_torch, "torch", ".pt"),
    Runtime("OpenVINO", load_openvino, "openvino"),
)
