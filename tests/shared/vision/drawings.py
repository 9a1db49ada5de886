"""Gray frames with MNIST digits, and a network with a constant output."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.paper import load_digits
from shared.vision.gray_frame import as_uint8

SIZE_PX = 70  # of an MNIST cell on the frame: its digit is 50 px high


class FakeNetwork:
    """A network that gives the same logits for each image and records the shapes of its batches."""

    name, version, device = "fake", "0", "cpu"

    def __init__(self, logits: list[float]) -> None:
        self.logits = logits
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(inputs.shape)
        return np.array([self.logits] * len(inputs), np.float32)


def draw_digits(indices: list[int]) -> NDArray[np.uint8]:
    """Return a gray frame with one MNIST digit of each class, in two rows of five; indices select among the shipped."""
    gray = np.full((300, 640), 215, np.float32)
    for digit, index in enumerate(indices):
        ink = cv2.resize(load_digits()[digit, index], (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
        x, y = 60 + 110 * (digit % 5), 40 + 130 * (digit // 5)
        gray[y : y + SIZE_PX, x : x + SIZE_PX] -= 0.65 * ink
    return as_uint8(np.clip(gray, 0, 255))
