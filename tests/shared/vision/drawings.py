"""Pages with MNIST digits on them, and a network that always answers alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.paper import load_digits
from shared.vision.gray_frame import as_uint8

SIZE_PX = 70  # of an MNIST cell on the page: its digit is 50 px tall


class Fake:
    """A network that answers each image alike and counts how often it was asked."""

    name, version, device = "fake", "0", "cpu"

    def __init__(self, logits: list[float]) -> None:
        self.logits = logits
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(inputs.shape)
        return np.array([self.logits] * len(inputs), np.float32)


def write_page(indices: list[int]) -> NDArray[np.uint8]:
    """A page with one MNIST digit of each class in two rows of five, the nth that ships of each."""
    page = np.full((300, 640), 215, np.float32)
    for digit, index in enumerate(indices):
        ink = cv2.resize(load_digits()[digit, index], (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
        x, y = 60 + 110 * (digit % 5), 40 + 130 * (digit // 5)
        page[y : y + SIZE_PX, x : x + SIZE_PX] -= 0.65 * ink
    return as_uint8(np.clip(page, 0, 255))
