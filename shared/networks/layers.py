"""Runs a network whose outputs are its inner layers: NAME.layers.onnx, written by training.export next to NAME.onnx."""

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

SUFFIX = ".layers.onnx"
KINDS = "layer_kinds"  # metadata of the file: the kind of each output, separated by commas


@dataclass(frozen=True, slots=True)
class Layer:
    """The output of a layer for one image: channels x rows x columns; kind is a name such as "convolution"."""

    kind: str
    values: NDArray[np.float32]


class LayerNetwork:
    """A network loaded with its inner layers as outputs."""

    def __init__(self, model: bytes) -> None:
        """Load the bytes of a file. Raises what ONNX Runtime raises if that fails."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options)
        self._kinds = self._session.get_modelmeta().custom_metadata_map[KINDS].split(",")

    def run(self, image: NDArray[np.float32]) -> list[Layer]:
        """Return the output of each layer for an image (28 x 28, 0 to 1), from the first to the last."""
        outputs = self._session.run(None, {self._session.get_inputs()[0].name: image[None, None]})
        return [Layer(kind, values[0]) for kind, values in zip(self._kinds, outputs, strict=True)]
