"""Detects whether a gray frame has changed since it was last read, by comparing two thumbnails ("sketches").

A small, pale digit must not be missed, and the sensor's noise must not count. Measured in docs/decisions/0011.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import Gray, as_uint8

SKETCH_PX = 80  # long side: at 640 x 480 each pixel is a JPEG's block of 8 x 8, which decodes without a transform
FLOOR = 2.0  # gray levels of difference that rounding and the JPEG's own steps make in a still picture
NOISE_FACTOR = 6.0  # the largest of 4,800 differences by noise is up to 5 times their mean, also if noise is blurred
MAX_NOISE = 2.5  # mean difference, in gray levels, that noise makes in a dark room; beyond it the whole frame changed


def make_sketch(gray: Gray) -> NDArray[np.uint8]:
    """Return the sketch of a gray picture: h x w uint8, its long side SKETCH_PX at most; nothing is enlarged."""
    scale = min(1.0, SKETCH_PX / max(gray.shape))
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    return as_uint8(cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA))


def is_unchanged(before: bytes, now: NDArray[np.uint8]) -> bool:
    """Return whether a sketch differs from an earlier one (as its bytes) by noise alone; another size is a change.

    The noise is estimated from the two themselves, as the mean difference: a digit is too small to raise that.
    """
    if len(before) != now.size:
        return False
    difference = cv2.absdiff(np.frombuffer(before, np.uint8).reshape(now.shape), now)
    mean = float(difference.mean())
    return mean <= MAX_NOISE and float(difference.max()) <= FLOOR + NOISE_FACTOR * mean
