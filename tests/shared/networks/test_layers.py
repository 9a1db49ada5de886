"""The inner values of the shipped networks."""

from pathlib import Path

import numpy as np
import pytest

from shared.networks.layers import Layers, find_layers, from_varint, to_varint
from shared.settings import MODELS


def image() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(1).random((28, 28), np.float32)


@pytest.mark.parametrize("network", ["blog", "classifier"])
def test_every_layer_that_has_channels_is_shown_in_order(network: str) -> None:
    layers = Layers(MODELS / f"{network}.onnx").look(image())
    assert [layer.kind for layer in layers[:3]] == ["convolution", "ReLU", "max pooling"]
    assert layers[0].values.shape[1:] == (28, 28)
    assert layers[-1].values.shape[1:] == (7, 7)


def test_each_layer_is_what_its_kind_says_of_the_one_before() -> None:
    convolution, relu, pooled = Layers(MODELS / "classifier.onnx").look(image())[:3]
    assert np.array_equal(relu.values, np.maximum(convolution.values, 0))
    channels, rows, columns = relu.values.shape
    blocks = relu.values.reshape(channels, rows // 2, 2, columns // 2, 2)
    assert np.array_equal(pooled.values, blocks.max(axis=(2, 4)))


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**21, 2**40 + 17])
def test_whole_numbers_survive_the_wire(number: int) -> None:
    assert from_varint(b"x" + to_varint(number) + b"y", 1) == (number, 1 + len(to_varint(number)))


def test_file_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    path.write_bytes(b"\xff" * 50)
    with pytest.raises((ValueError, IndexError)):
        dict(find_layers(path.read_bytes()))
