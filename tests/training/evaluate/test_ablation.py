"""Each recipe of the ablation gives MNIST's format, and works as described."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluate.ablation import RECIPES, box_padded, box_stretched, otsu_centred


@pytest.fixture
def crop() -> NDArray[np.uint8]:
    """A tall dark stroke, 8 x 40 pixels, on light paper of 60 x 60."""
    paper = np.full((60, 60), 220, np.uint8)
    cv2.rectangle(paper, (20, 10), (27, 49), 40, cv2.FILLED)
    return paper


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_ink_bright_on_black_in_range(name: str, crop: NDArray[np.uint8]) -> None:
    image = RECIPES[name](crop)
    assert image is not None
    assert image.shape == (28, 28)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= 0.5 + 0.5 * (name[0] == "F")  # F stretches this bar over the whole square
    assert 0.5 < image.max() <= 1


def test_a_stretched_stroke_fills_the_square_and_a_padded_one_does_not(crop: NDArray[np.uint8]) -> None:
    stretched, padded = box_stretched(crop), box_padded(crop)
    assert stretched is not None
    assert padded is not None
    assert stretched.min() == 1
    assert padded[:, 0].max() == 0
    assert padded[:, 14].min() == 1


def test_the_centred_recipe_puts_the_ink_in_the_middle(crop: NDArray[np.uint8]) -> None:
    image = otsu_centred(crop)
    assert image is not None
    assert image.sum(axis=1) @ np.arange(28) / image.sum() == pytest.approx(14, abs=0.5)
    assert np.flatnonzero(image.max(axis=1)).size == 20


@pytest.mark.parametrize("name", RECIPES)
def test_blank_paper_is_no_crash(name: str) -> None:
    image = RECIPES[name](np.full((40, 40), 220, np.uint8))
    assert image is None or image.shape == (28, 28)
