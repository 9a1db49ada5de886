"""The demo camera's digits are MNIST's, made by the command that says so."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.demo.paper import load_digits
from training.data import is_complete, load_mnist
from training.docs_pictures.demo_digits import is_one_piece, make_digit_sheet

DATA = Path(__file__).parents[3] / "data"


@pytest.mark.skipif(not is_complete(DATA / "MNIST" / "raw"), reason="MNIST is not in data/: `make train` fetches it")
def test_the_shipped_digits_are_what_the_command_makes() -> None:
    sheet = make_digit_sheet(*load_mnist("test", DATA))
    assert np.array_equal(sheet.reshape(10, 28, 30, 28).swapaxes(1, 2), load_digits())


def test_a_digit_with_a_gap_is_not_one_piece() -> None:
    image = np.zeros((28, 28), np.uint8)
    cv2.line(image, (14, 4), (14, 24), 255, 2)
    assert is_one_piece(image)
    image[12:15] = 0
    assert not is_one_piece(image)
