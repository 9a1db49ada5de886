"""Finding ink without a network: adaptive threshold, connected components, gates on size and shape.

The usual webcam demo's way, done with care: the baseline that every figure of the detector stands beside. It can't part
ink that touches (ruled lines, the neighbour's digit) and takes letters, edges and wrinkles for candidates.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.gray_frame import as_uint8

BLOCK_SHARE = 1 / 20  # of the long side: the neighbourhood whose mean is the paper, wider than any pen's stroke
CONTRAST = 8  # grey levels by which ink differs from its neighbourhood's mean
DARK_PAGE = 90  # a page whose median is below this is a blackboard: its ink is bright

# A digit against its page and against its box. Of MNIST's training digits 999 in 1,000 are at most 1.82 times as wide
# as high and none is under 0.10; they fill 0.13 to 1.00 of their box, and a thin pen fills less.
SHORTEST_SHARE = 1 / 60  # of the page's long side: 11 px of 640; smaller ones can't be told apart
WIDEST, NARROWEST = 1.8, 0.08
FULLEST, EMPTIEST = 0.95, 0.08
MOST_BOXES = 400  # a page with more is not writing; the tallest are kept, so that the time a page takes is bounded


def find_ink(page: NDArray[np.uint8]) -> list[Box]:
    """Return the boxes of what may be a digit on a grey page (h x w uint8), in page pixels, the tallest first."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask_ink(page), connectivity=8)
    parts = stats[1:].astype(np.int32)  # 0 is the paper
    parts = parts[is_whole(parts, page.shape)]
    digits = is_digit_like(parts, page.shape)
    pieces = parts[~digits & (longer_side(parts) >= SHORTEST_SHARE * max(page.shape) / 2)]
    parts = join_broken(parts[digits], pieces)
    tallest = parts[np.argsort(-parts[:, cv2.CC_STAT_HEIGHT], kind="stable")][:MOST_BOXES]
    return [(float(x), float(y), float(w), float(h)) for x, y, w, h, _ in tallest]


def mask_ink(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 where there is ink, 0 where there is paper."""
    dark_on_light = page if np.median(page[::4, ::4]) >= DARK_PAGE else 255 - page
    smooth = cv2.GaussianBlur(dark_on_light, (3, 3), 0)
    block = max(3, round(max(page.shape) * BLOCK_SHARE) | 1)  # odd, as OpenCV asks
    return as_uint8(
        cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, block, CONTRAST)
    )


def is_whole(parts: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which components are not cut by the page's edge: half a digit reads as another digit."""
    x, y, w, h, _ = parts.T
    return np.asarray((x > 0) & (y > 0) & (x + w < shape[1]) & (y + h < shape[0]), bool)


def is_digit_like(parts: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which components have a digit's size and shape."""
    _, _, w, h, area = parts.T
    shaped = (h >= SHORTEST_SHARE * max(shape)) & (w <= WIDEST * h) & (w >= NARROWEST * h)
    fill = area / (w * h)
    return np.asarray(shaped & (fill >= EMPTIEST) & (fill <= FULLEST), bool)


def longer_side(parts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the larger of each component's width and height."""
    return np.maximum(parts[:, cv2.CC_STAT_WIDTH], parts[:, cv2.CC_STAT_HEIGHT])


def join_broken(digits: NDArray[np.int32], pieces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the digits, each with the pieces that belong to it: the loose bar of a 5.

    A piece belongs to a digit at least twice its height when it stands over, under or in it, with two thirds of its
    width and a gap of at most a sixth of the digit's height.
    """
    joined = digits.copy()
    for piece in pieces:
        px, py, pw, ph, _ = piece
        x, y, w, h, _ = digits.T
        shared = np.minimum(x + w, px + pw) - np.maximum(x, px)
        gap = np.maximum(y, py) - np.minimum(y + h, py + ph)
        near = (shared * 3 >= pw * 2) & (gap * 6 <= h) & (ph * 2 <= h)
        if near.any():
            absorb(joined, int(near.argmax()), piece)
    return joined


def absorb(parts: NDArray[np.int32], into: int, piece: NDArray[np.int32]) -> None:
    """Grow one component's box and area by another's."""
    x, y, w, h, area = parts[into]
    px, py, pw, ph, more = piece
    left, top = min(x, px), min(y, py)
    parts[into] = left, top, max(x + w, px + pw) - left, max(y + h, py + ph) - top, area + more
