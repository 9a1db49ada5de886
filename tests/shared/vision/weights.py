"""Weights for tests: the shipped ones as another file, with another version."""

from pathlib import Path

from shared.networks.layers import field
from shared.settings import MODELS

NOTE = 14  # ModelProto.metadata_props (onnx.proto)


def other_weights(note: str) -> bytes:
    """The shipped classifier's network with a note in it: the same answers, another version."""
    return (MODELS / "classifier.onnx").read_bytes() + field(NOTE, field(1, b"note") + field(2, note.encode()))


def put(path: Path, weights: bytes) -> None:
    """Replace a file at once, as `digitcam learn` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_bytes(weights)
    draft.replace(path)
