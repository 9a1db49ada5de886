"""Whether the paper between two digits is empty: then they may be one number although they stand far apart."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box

ROWS, COLUMNS = 12, 36  # the strip between them is seen at this size: grain and noise are averaged away
TALL = 0.7  # of the lower digit's height: what reaches in from the lines above and below is not between them
MARGIN = 0.1  # of that height, beside each of them: their own soft edges
INK = 0.4  # of the first digit's contrast: what is so dark was written


def is_empty_between(page: NDArray[np.uint8], left: Box, right: Box) -> bool:
    """Return whether nothing is written between two boxes of a page (grey; dark on light or light on dark).

    Lines of ruled paper run through the whole strip and don't count.
    """
    strip = cut_strip(page, left, right).astype(np.float32)
    away = np.abs(strip - np.median(strip, axis=1, keepdims=True))
    return bool(away.max() < INK * contrast(page, left))


def cut_strip(page: NDArray[np.uint8], left: Box, right: Box) -> NDArray[np.uint8]:
    """Return the paper from one box to the next along the line through their middles, ROWS x COLUMNS."""
    (ax, ay), (bx, by) = middle(left), middle(right)
    height = min(left[3], right[3])
    along = np.array([bx - ax, by - ay], np.float64)
    length = max(float(np.hypot(*along)), 1e-6)
    along /= length
    across = np.array([-along[1], along[0]]) * TALL * height / 2
    start = np.array([ax, ay]) + along * (left[2] / 2 + MARGIN * height)
    end = np.array([bx, by]) - along * (right[2] / 2 + MARGIN * height)
    seen = np.array([start - across, end - across, start + across], np.float32)
    flat = np.array([(0, 0), (COLUMNS, 0), (0, ROWS)], np.float32)
    turn = cv2.getAffineTransform(seen, flat)
    return np.asarray(cv2.warpAffine(page, turn, (COLUMNS, ROWS), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def middle(box: Box) -> tuple[float, float]:
    """Return the middle of a box."""
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def contrast(page: NDArray[np.uint8], box: Box) -> float:
    """Return how far a digit's ink is from its paper, in grey levels."""
    x, y, width, height = (round(side) for side in box)
    inside = page[max(0, y) : y + max(height, 1), max(0, x) : x + max(width, 1)]
    darkest, paper, brightest = np.percentile(inside, (5, 50, 95)) if inside.size else (0, 0, 0)
    return float(max(paper - darkest, brightest - paper))
