"""A little to learn from, made on the spot: drawn digits in MNIST's place, and a 6 of two squares, read as 5."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.corrections import ClassifiedCrop, CorrectionStore
from shared.vision.digit import NOT_A_DIGIT
from training import finetune
from training.crops import Crops
from training.scenes.strokes import DIGITS, SIGNS, Strokes, draw

SQUARE_SIX: Strokes = (((0.8, 0), (0.1, 0)), ((0.1, 0), (0.1, 1)), ((0.1, 1), (0.8, 1)), ((0.8, 1), (0.8, 0.5)),
                       ((0.8, 0.5), (0.1, 0.5)))  # fmt: skip
SAID = 5  # of a 6 of two squares, by the shipped classifier or another: it takes none for a 6


def write(strokes: Strokes, narrow: float = 0.7) -> NDArray[np.uint8]:
    """Return strokes as the classifier sees them."""
    body = cv2.dilate(draw(strokes, narrow), np.ones((7, 7))) * 255
    return np.asarray(cv2.resize(body, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def drawn(digits: int = 200) -> Crops:
    """Return digits in several ways and widths, and each sign once."""
    images = [write(DIGITS[i % 10][i // 10 % len(DIGITS[i % 10])], 0.6 + i / digits / 4) for i in range(digits)]
    labels = [i % 10 for i in range(digits)] + [NOT_A_DIGIT] * len(SIGNS)
    return np.array(images + [write(strokes) for strokes in SIGNS.values()]), np.array(labels, np.uint8)


def use_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be nothing else that it may not forget: no download, no scenes."""
    images, labels = drawn()
    is_digit = labels < NOT_A_DIGIT
    monkeypatch.setattr(finetune, "load_mnist", lambda *_: (images[is_digit], labels[is_digit]))
    monkeypatch.setattr(finetune, "load_crops", lambda *_: (images, labels))


def correct_squares(corrections: CorrectionStore, count: int, label: int = 6) -> None:
    """Say what squares are, of so many."""
    for narrow in np.linspace(0.55, 0.85, count):
        corrections.add(ClassifiedCrop("desk", write(SQUARE_SIX, float(narrow)), SAID), label)
