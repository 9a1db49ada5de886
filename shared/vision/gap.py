"""Checks whether the paper between two digits is empty, so that they may be one number although they are far apart."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.gray_frame import Gray, measure_percentiles

ROWS, COLUMNS = 12, 36  # size of the strip that is examined: grain and noise are averaged away
STRIP_HEIGHT = 0.7  # of the lower digit's height: writing of the lines above and below is left out
MARGIN = 0.1  # of the lower digit's height, next to each digit: their soft edges
INK = 0.4  # of the left digit's contrast: anything as dark was written


def is_gap_empty(gray: Gray, left: Box, right: Box) -> bool:
    """Return whether nothing is written between two boxes of a gray frame (dark on light or light on dark).

    The lines of ruled paper run through the whole strip, so the median of each row removes them.
    """
    strip = cut_strip(gray, left, right).astype(np.float32)
    deviation = np.abs(strip - np.median(strip, axis=1, keepdims=True))
    return bool(deviation.max() < INK * measure_contrast(gray, left))


def cut_strip(gray: Gray, left: Box, right: Box) -> NDArray[np.uint8]:
    """Return the paper between two boxes, along the line through their centres, as ROWS x COLUMNS."""
    height = min(left[3], right[3])
    (ax, ay), (bx, by) = ((x + w / 2, y + h / 2) for x, y, w, h in (left, right))
    along = np.array([bx - ax, by - ay], np.float64)
    along /= max(float(np.hypot(*along)), 1e-6)
    across = np.array([-along[1], along[0]]) * STRIP_HEIGHT * height / 2
    start = np.array([ax, ay]) + along * (left[2] / 2 + MARGIN * height)
    end = np.array([bx, by]) - along * (right[2] / 2 + MARGIN * height)
    source = np.array([start - across, end - across, start + across], np.float32)
    target = np.array([(0, 0), (COLUMNS, 0), (0, ROWS)], np.float32)
    transform = cv2.getAffineTransform(source, target)
    return np.asarray(cv2.warpAffine(gray, transform, (COLUMNS, ROWS), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def measure_contrast(gray: Gray, box: Box) -> float:
    """Return the difference between a digit's ink and its paper, in gray levels."""
    x, y, width, height = (round(side) for side in box)
    inside = gray[max(0, y) : y + max(height, 1), max(0, x) : x + max(width, 1)]
    if not inside.size:
        return 0.0
    darkest, paper, brightest = measure_percentiles(inside, 5, 50, 95)
    return max(paper - darkest, brightest - paper)
