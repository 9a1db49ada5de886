"""The digits of the demo camera, as one picture: `python -m training.docs_pictures.demo_digits` writes it."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data import load_mnist

PER_DIGIT = 30
INK = 64  # of 255; less is the edge of a stroke
SHEET = Path("shared/demo/digits.png")


def main() -> None:
    cv2.imwrite(str(SHEET), make_digit_sheet(*load_mnist("test")), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def make_digit_sheet(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a row for each digit with its first thirty images whose ink is connected: 280 x 840.

    A stroke with a gap no longer looks like its digit when it is enlarged thirty times.
    """
    rows = []
    for digit in range(10):
        whole = [image for image in images[labels == digit][: 2 * PER_DIGIT] if is_one_piece(image)]
        rows.append(np.hstack(whole[:PER_DIGIT]))
    return np.vstack(rows)


def is_one_piece(image: NDArray[np.uint8]) -> bool:
    """Return whether all ink of a 28 x 28 image is connected."""
    pieces, _ = cv2.connectedComponents((image > INK).astype(np.uint8))
    return pieces == 2  # one of them is the paper


if __name__ == "__main__":
    main()
