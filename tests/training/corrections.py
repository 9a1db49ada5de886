"""Small data to fine-tune on: drawn digits in MNIST's place, and corrections of a 6 of two squares, read as 5."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.corrections import ClassifiedCrop, CorrectionStore
from shared.vision.digit import NOT_A_DIGIT
from training import finetune
from training.crops import Crops
from training.images import to_tensors
from training.scenes.strokes import DIGITS, SIGNS, Strokes, rasterise_strokes

SQUARE_SIX: Strokes = (((0.8, 0), (0.1, 0)), ((0.1, 0), (0.1, 1)), ((0.1, 1), (0.8, 1)), ((0.8, 1), (0.8, 0.5)),
                       ((0.8, 0.5), (0.1, 0.5)))  # fmt: skip
PREDICTED = 5  # for a 6 of two squares; the shipped classifier takes none for a 6


def draw_image(strokes: Strokes, narrow: float = 0.7) -> NDArray[np.uint8]:
    """Return strokes as an input of the classifier."""
    body = cv2.dilate(rasterise_strokes(strokes, narrow), np.ones((7, 7))) * 255
    return np.asarray(cv2.resize(body, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def draw_crops(digits: int = 200) -> Crops:
    """Return digits in several styles and widths, and each sign once."""
    images = [draw_image(DIGITS[i % 10][i // 10 % len(DIGITS[i % 10])], 0.6 + i / digits / 4) for i in range(digits)]
    labels = [i % 10 for i in range(digits)] + [NOT_A_DIGIT] * len(SIGNS)
    return np.array(images + [draw_image(strokes) for strokes in SIGNS.values()]), np.array(labels, np.uint8)


def use_small_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tune with drawn digits in the place of MNIST and scenes: no download, no scenes to make."""
    images, labels = draw_crops()
    is_digit = labels < NOT_A_DIGIT
    monkeypatch.setattr(finetune, "load_mnist_tensors", lambda *_: to_tensors(images[is_digit], labels[is_digit]))
    monkeypatch.setattr(finetune, "load_crops", lambda *_: (images, labels))


def add_squares(store: CorrectionStore, count: int, label: int = 6) -> None:
    """Add corrections of 6s of two squares."""
    for narrow in np.linspace(0.55, 0.85, count):
        store.add(ClassifiedCrop("desk", draw_image(SQUARE_SIX, float(narrow)), PREDICTED), label)
