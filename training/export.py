"""Exports a trained network as an ONNX file, checked to give the same outputs as torch; and its inner layers."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from shared.networks import layers

OPSET = 18  # the lowest that torch's exporter writes without a conversion
TOLERANCE = 1e-4  # of a logit; float32 sums in another order differ by about 1e-5
LAYER_KINDS = {"Conv": "convolution", "Relu": "ReLU", "MaxPool": "max pooling", "AveragePool": "average pooling"}


def export_onnx(
    path: Path, network: nn.Module, example: torch.Tensor, facts: dict[str, str], free: Mapping[int, Any] | None = None
) -> None:
    """Write a network (on the CPU, in eval mode) whose first axis is the batch; facts become its metadata.

    example is a realistic input of at least two items; free names its other axes of any length (torch.export.Dim).
    Raises ValueError, and writes nothing, if ONNX Runtime's outputs differ from torch's.
    """
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: torch.export.Dim("batch")} | dict(free or {}),),
        verbose=False,
    )
    if program is None:  # the type allows it; it does not happen with dynamo=True and no file name
        raise ValueError("torch exported nothing")
    model = strip_origins(program.model_proto)
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    check_same_outputs(model.SerializeToString(), network, example)
    path.write_bytes(model.SerializeToString())


def export_layers(path: Path) -> None:
    """Write an exported network once more, with the outputs of its layers instead of its own: for the explanation."""
    path.with_suffix(layers.SUFFIX).write_bytes(expose_layers(onnx.load(path)).SerializeToString())


def expose_layers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose outputs are those of its layers with channels, in order."""
    model = onnx.shape_inference.infer_shapes(model)
    values = {value.name: value for value in model.graph.value_info}
    shown = [node for node in model.graph.node if node.op_type in LAYER_KINDS]
    del model.graph.output[:]
    model.graph.output.extend(values[node.output[0]] for node in shown)
    onnx.helper.set_model_props(model, {layers.KINDS: ",".join(LAYER_KINDS[node.op_type] for node in shown)})
    return model


def strip_origins(model: onnx.ModelProto) -> onnx.ModelProto:
    """Strip what the exporter notes about each node: stack traces with the paths of the machine that trained."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


def check_same_outputs(model: bytes, network: nn.Module, example: torch.Tensor) -> None:
    """Compare ONNX Runtime with torch on the example, and on its first item alone: the batch must have any size."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for images in (example, example[:1]):
        with torch.inference_mode():
            expected = network(images).numpy()
        (answer,) = session.run(None, {"input": images.numpy()})
        difference = float(np.abs(answer - expected).max())
        if difference > TOLERANCE:
            raise ValueError(f"ONNX Runtime's outputs differ from torch's by {difference:.2g}")


def hash_recipe(recipe: dict[str, Any]) -> str:
    """Return a short name of a recipe, which changes with any of its settings."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
