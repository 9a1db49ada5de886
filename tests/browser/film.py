"""A film for Chromium's fake webcam: a sequence of JPEGs."""

from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from shared.demo.paper import load_digits

FRAMES = 30


def film_digit(digit: int, path: Path) -> Path:
    """Write a film of one handwritten digit, from MNIST's test images, left of the middle of a gray sheet."""
    ink = load_digits()[digit][0]
    large = cv2.resize(ink, (200, 200), interpolation=cv2.INTER_CUBIC).astype(np.float32)[..., None] / 255
    with path.open("wb") as film:
        for frame in range(FRAMES):
            sheet = np.full((480, 640, 3), 205, np.float32)
            x, y = 160 + frame % 3, 140 + frame % 2
            sheet[y : y + 200, x : x + 200] -= 160 * np.clip(large, 0, 1)
            film.write(simplejpeg.encode_jpeg(np.ascontiguousarray(sheet.astype(np.uint8)), 90, "BGR", "420"))
    return path
