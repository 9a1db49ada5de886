"""What each layer of a network makes of an image: the shipped ONNX file, asked for its inner values too.

ONNX Runtime gives only what a model calls its outputs. A model is a protobuf message, and two such messages laid end to
end are one whose lists are joined (protobuf.dev/programming-guides/encoding): so the names of the inner values, written
as a message of outputs, are appended, and no package that edits models is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

SHOWN = {"Conv": "convolution", "Relu": "ReLU", "MaxPool": "max pooling", "AveragePool": "average pooling"}
GRAPH, NODE, OUTPUT = 7, 1, 12  # fields of ModelProto and GraphProto (onnx.proto)
NODE_OUTPUT, NODE_KIND = 2, 4  # of NodeProto
NAME = 1  # of ValueInfoProto
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf's wire types


@dataclass(frozen=True, slots=True)
class Layer:
    """What a layer gave for one image: channels x rows x columns."""

    kind: str  # of SHOWN
    values: NDArray[np.float32]


class Layers:
    """A network that shows its inner values."""

    def __init__(self, path: Path) -> None:
        """Load it. Raises OSError, ValueError or what ONNX Runtime raises for a file that is no network."""
        model = path.read_bytes()
        self._kinds = dict(find_layers(model))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model + name_outputs(self._kinds), options)

    def look(self, image: NDArray[np.float32]) -> list[Layer]:
        """Return what each layer makes of an image (28 x 28, 0 to 1), from the first to the last."""
        given = {self._session.get_inputs()[0].name: image[None, None]}
        values = self._session.run([*self._kinds], given)
        return [Layer(kind, value[0]) for kind, value in zip(self._kinds.values(), values, strict=True)]


def find_layers(model: bytes) -> Iterator[tuple[str, str]]:
    """Yield the name of each inner value that has channels, and the kind of layer that gives it, in order."""
    for node in (node for graph in fields(model, GRAPH) for node in fields(graph, NODE)):
        kind = next(fields(node, NODE_KIND)).decode()
        if kind in SHOWN:
            yield next(fields(node, NODE_OUTPUT)).decode(), SHOWN[kind]


def name_outputs(names: Iterator[str] | dict[str, str]) -> bytes:
    """Return a message that, appended to a model, makes these values outputs of it."""
    outputs = b"".join(field(OUTPUT, field(NAME, name.encode())) for name in names)
    return field(GRAPH, outputs)


def field(number: int, value: bytes) -> bytes:
    """Return a field of bytes on the wire."""
    return to_varint(number << 3 | BYTES) + to_varint(len(value)) + value


def to_varint(value: int) -> bytes:
    """Return a whole number in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def fields(message: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the values of a message's fields of this number, those that are bytes. Raises ValueError, IndexError."""
    at = 0
    while at < len(message):
        tag, at = from_varint(message, at)
        if tag & 7 == VARINT:
            _, at = from_varint(message, at)
        elif tag & 7 == BYTES:
            length, at = from_varint(message, at)
            if tag >> 3 == wanted:
                yield message[at : at + length]
            at += length
        elif tag & 7 in (FIXED32, FIXED64):
            at += 4 if tag & 7 == FIXED32 else 8
        else:
            raise ValueError("that is no protobuf message")


def from_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the whole number at a place, and the place after it."""
    value = shift = 0
    while message[at] & 0x80:
        value, shift, at = value | (message[at] & 0x7F) << shift, shift + 7, at + 1
    return value | message[at] << shift, at + 1
