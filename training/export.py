"""A trained network as an ONNX file, checked to give the same answers before it is kept."""

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

OPSET = 18  # the lowest that torch's exporter writes without a conversion
TOLERANCE = 1e-4  # of a logit; float32 sums in another order differ by about 1e-5


def export_onnx(
    path: Path, network: nn.Module, example: torch.Tensor, facts: dict[str, str], free: Mapping[int, Any] | None = None
) -> None:
    """Write a network (on the CPU, in eval mode) whose first axis is the batch; facts become its metadata.

    example is one sensible input of at least two items; free names its other axes of any length (torch.export.Dim).
    Raises ValueError when ONNX Runtime answers differently.
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
    if program is None:  # what the type says can happen; it does not with dynamo=True and no file name
        raise ValueError("torch exported nothing")
    model = forget_origins(program.model_proto)
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    check_same_answers(model.SerializeToString(), network, example)
    path.write_bytes(model.SerializeToString())


def forget_origins(model: onnx.ModelProto) -> onnx.ModelProto:
    """Strip what the exporter notes about each node: stack traces with the paths of the machine that trained."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


def check_same_answers(model: bytes, network: nn.Module, example: torch.Tensor) -> None:
    """Compare ONNX Runtime with torch on the example, and on its first item alone: the batch axis must be free."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for images in (example, example[:1]):
        with torch.inference_mode():
            expected = network(images).numpy()
        (answer,) = session.run(None, {"input": images.numpy()})
        difference = float(np.abs(answer - expected).max())
        if difference > TOLERANCE:
            raise ValueError(f"ONNX Runtime's answers differ from torch's by {difference:.2g}")


def hash_recipe(recipe: dict[str, Any]) -> str:
    """Return a short name of a recipe: the same settings have the same, others another."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
