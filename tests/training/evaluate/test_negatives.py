"""The images for the rejection figures: each kind is normalised, and the same every time."""

from pathlib import Path

import numpy as np
import pytest

from training.evaluate import negatives
from training.evaluate.negatives import make_digits, make_negatives
from training.scenes.glyphs import Sources


@pytest.fixture(autouse=True)
def few(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six images a kind, of digits that need no download."""
    monkeypatch.setattr(negatives, "COUNT", 6)
    monkeypatch.setattr(negatives, "load_sources", lambda *_: sources)


def test_each_kind_is_normalised() -> None:
    kinds = make_negatives(Path()) | {"digits": make_digits(Path())}
    assert len(kinds) == 5
    for images in kinds.values():
        assert len(images) >= 6
        assert images.shape[1:] == (28, 28)
        assert images.dtype == np.float32
        assert (images.max(axis=(1, 2)) == 1).all()


def test_the_sets_are_the_same_every_time() -> None:
    assert np.array_equal(make_digits(Path()), make_digits(Path()))
