"""The layers of the shipped classifier: one file with its layers' outputs, from the same weights."""

import numpy as np
import onnx

from shared.networks.layers import LayerNetwork
from shared.settings import MODELS
from training.export import expose_layers

IMAGE = np.random.default_rng(1).random((28, 28), np.float32)


def shipped_layers() -> LayerNetwork:
    return LayerNetwork((MODELS / "classifier.layers.onnx").read_bytes())


def test_layers_run_from_the_first_convolution_to_the_last_map() -> None:
    layers = shipped_layers().run(IMAGE)
    assert [layer.kind for layer in layers[:3]] == ["convolution", "ReLU", "max pooling"]
    assert layers[0].values.shape == (16, 28, 28)
    assert layers[-1].values.shape == (64, 7, 7)


def test_each_layer_follows_from_the_one_before() -> None:
    convolution, relu, pooled = shipped_layers().run(IMAGE)[:3]
    assert np.array_equal(relu.values, np.maximum(convolution.values, 0))
    channels, rows, columns = relu.values.shape
    blocks = relu.values.reshape(channels, rows // 2, 2, columns // 2, 2)
    assert np.array_equal(pooled.values, blocks.max(axis=(2, 4)))


def test_shipped_layers_have_the_shipped_weights() -> None:
    exposed = expose_layers(onnx.load(MODELS / "classifier.onnx"))
    assert exposed.SerializeToString() == (MODELS / "classifier.layers.onnx").read_bytes()
