"""The fifteen corruptions: each spoils an image, keeps its form, and can be repeated."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.corruptions import CORRUPTIONS, cloud, line


@pytest.fixture
def image() -> NDArray[np.float32]:
    """A soft cross, ink bright on black."""
    cross = np.zeros((28, 28), np.float32)
    cross[6:22, 12:16], cross[12:16, 6:22] = 0.9, 0.9
    return cross


def test_there_are_fifteen() -> None:
    assert len(CORRUPTIONS) == 15


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_image_is_another_image(name: str, image: NDArray[np.float32]) -> None:
    before = image.copy()
    spoilt = CORRUPTIONS[name](np.random.default_rng(1), image)
    assert spoilt.shape == (28, 28)
    assert spoilt.dtype == np.float32
    assert spoilt.min() >= 0
    assert spoilt.max() <= 1
    assert np.abs(spoilt - before).mean() > 0.005
    assert np.array_equal(image, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_corrupts_the_same_way(name: str, image: NDArray[np.float32]) -> None:
    one, same = (CORRUPTIONS[name](np.random.default_rng(2), image) for _ in range(2))
    assert np.array_equal(one, same)


def test_scaling_shrinks_to_seven_tenths(image: NDArray[np.float32]) -> None:
    shrunk = CORRUPTIONS["scale"](np.random.default_rng(0), image)
    assert shrunk.sum() == pytest.approx(image.sum() * 0.49, rel=0.05)


def test_translation_moves_by_three_pixels(image: NDArray[np.float32]) -> None:
    moved = CORRUPTIONS["translate"](np.random.default_rng(0), image)
    rows = np.arange(28)
    shift = (moved.sum(axis=1) @ rows - image.sum(axis=1) @ rows) / image.sum()
    assert abs(shift) == pytest.approx(3, abs=0.01)


def test_a_line_is_brightest_where_it_runs() -> None:
    drawn = line((0, 10), (27, 10))
    assert (drawn[:, :26].argmax(axis=0) == 10).all()
    assert drawn[14].max() == 0


def test_a_cloud_is_between_black_and_white() -> None:
    drawn = cloud(np.random.default_rng(0))
    assert 0 <= drawn.min() < drawn.max() <= 1
