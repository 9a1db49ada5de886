"""What the tests of training share: digits that need no download."""

import cv2
import numpy as np
import pytest

from training.scenes.fonts import find_print_fonts
from training.scenes.glyphs import Sources
from training.scenes.strokes import DIGITS, rasterise_strokes


@pytest.fixture(scope="session")
def sources() -> Sources:
    """Drawn digits in MNIST's place."""
    images = np.zeros((200, 28, 28), np.uint8)
    labels = np.arange(200, dtype=np.uint8) % 10
    for image, label in zip(images, labels, strict=True):
        drawn = cv2.dilate(rasterise_strokes(DIGITS[int(label)][0]), np.ones((7, 7), np.uint8)) * 255
        image[:] = cv2.resize(drawn, (28, 28), interpolation=cv2.INTER_AREA)
    return Sources(images, labels, find_print_fonts(), ())
