"""Weights for tests: the shipped ones in a file with another version."""

from pathlib import Path

import onnx

from shared.settings import MODELS


def other_weights(note: str) -> bytes:
    """Return the shipped classifier with a note in its metadata: the same outputs, another version."""
    model = onnx.load(MODELS / "classifier.onnx")
    onnx.helper.set_model_props(model, {"note": note})
    return bytes(model.SerializeToString())


def put(path: Path, weights: bytes) -> None:
    """Replace a file at once, as `digitcam learn` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_bytes(weights)
    draft.replace(path)
