"""Whether a page has changed since it was last read: two sketches of it, small means of the grey picture, are compared.

What must not be missed is a small, pale digit; what must not count is the sensor's noise. Measured in decision 0011.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import as_uint8

SKETCH_PX = 80  # long side: at 640 x 480 each pixel is a JPEG's block of 8 x 8, which decodes without a transform
FLOOR = 2.0  # grey levels; what rounding and the JPEG's own steps make of a picture that does not change
NOISES = 6.0  # the largest of 4,800 differences by noise is up to 5 times their mean, also where noise is blurred
NOISIEST = 2.5  # mean difference, in grey levels, that noise makes in a dark room; beyond it the whole page has changed


def sketch(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the sketch of a grey picture (H x W, at least as large): h x w uint8, its long side SKETCH_PX at most."""
    scale = min(1.0, SKETCH_PX / max(grey.shape))
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return as_uint8(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA))


def is_same(before: bytes, now: NDArray[np.uint8]) -> bool:
    """Whether nothing but noise tells a sketch from an earlier one, given as its bytes; one of another size never is.

    The noise is taken from the two themselves, as the mean difference: a digit is too small to raise that.
    """
    if len(before) != now.size:
        return False
    difference = cv2.absdiff(np.frombuffer(before, np.uint8).reshape(now.shape), now)
    mean = float(difference.mean())
    return mean <= NOISIEST and float(difference.max()) <= FLOOR + NOISES * mean
