"""Finding ink without a network: adaptive threshold, connected components, gates on size and shape.

The usual webcam demo's way, done with care: the baseline that every figure of the finder stands beside. It can't part
ink that touches (ruled lines, the neighbour's digit) and takes letters, edges and wrinkles for candidates.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.page import as_uint8

BLOCK_SHARE = 1 / 20  # of the long side: the neighbourhood whose mean is the paper, wider than any pen's stroke
CONTRAST = 12  # grey levels by which ink differs from its neighbourhood's mean
DARK_PAGE = 90  # a page whose median is below this is a blackboard: its ink is bright

# A digit against its page and against its box. MNIST's own digits fill 0.13 to 0.75 of their boxes.
HEIGHT_SHARE = (1 / 60, 0.9)  # of the page's long side, of its height
WIDEST = 1.5  # width to height
NARROWEST = 0.08
FULLEST, EMPTIEST = 0.95, 0.08  # a straight 1 fills its box
MOST_BOXES = 200  # a page with more is not writing; the tallest are kept, so that the time a page takes is bounded


def find_ink(page: NDArray[np.uint8]) -> list[Box]:
    """Return the boxes of what may be a digit on a grey page (h x w uint8), in page pixels, the tallest first."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask_ink(page), connectivity=8)
    parts = stats[1:].astype(np.int32)  # 0 is the paper
    parts = join_broken(parts[is_stroke(parts, page.shape)])
    parts = parts[is_digit_like(parts, page.shape)]
    tallest = parts[np.argsort(-parts[:, cv2.CC_STAT_HEIGHT], kind="stable")][:MOST_BOXES]
    return [(float(x), float(y), float(w), float(h)) for x, y, w, h, _ in tallest]


def mask_ink(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 where there is ink, 0 where there is paper."""
    dark_on_light = page if np.median(page) >= DARK_PAGE else 255 - page
    smooth = cv2.GaussianBlur(dark_on_light, (3, 3), 0)
    block = max(3, round(max(page.shape) * BLOCK_SHARE) | 1)  # odd, as OpenCV asks
    return as_uint8(
        cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, block, CONTRAST)
    )


def is_stroke(parts: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which components may be a digit or a piece of one: neither a speck nor as large as the page."""
    _, _, w, h, _ = parts.T
    longest, least = np.maximum(w, h), max(shape) * HEIGHT_SHARE[0]
    fits = (h <= shape[0] * HEIGHT_SHARE[1]) & (w <= shape[1] * HEIGHT_SHARE[1])
    return np.asarray(fits & (longest >= least / 2), bool)


def is_digit_like(parts: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which components have a digit's size and shape and are whole, not cut by the page's edge."""
    x, y, w, h, area = parts.T
    inside = (x > 0) & (y > 0) & (x + w < shape[1]) & (y + h < shape[0])
    sized = (h >= max(3, max(shape) * HEIGHT_SHARE[0])) & (w >= 1)
    shaped = (w <= WIDEST * h) & (w >= NARROWEST * h)
    fill = area / np.maximum(w * h, 1)
    return np.asarray(inside & sized & shaped & (fill >= EMPTIEST) & (fill <= FULLEST), bool)


def join_broken(parts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give each piece that stands just above, below or within a taller component to it: the loose bar of a 5.

    "Just" is a gap under a sixth of the taller one's height, with two thirds of the piece's width over or under it.
    """
    order = np.argsort(-parts[:, cv2.CC_STAT_HEIGHT], kind="stable")
    whole = parts[order].copy()
    kept = np.ones(len(whole), bool)
    for piece in range(len(whole) - 1, 0, -1):
        x, y, w, h, _ = whole[piece]
        ox, oy, ow, oh, _ = whole[:piece].T
        shared = np.minimum(x + w, ox + ow) - np.maximum(x, ox)
        gap = np.maximum(y, oy) - np.minimum(y + h, oy + oh)
        near = (shared * 3 >= w * 2) & (gap * 6 <= oh) & (h * 2 <= oh)
        if near.any():
            absorb(whole, int(near.argmax()), piece)
            kept[piece] = False
    return whole[kept]


def absorb(parts: NDArray[np.int32], into: int, piece: int) -> None:
    """Grow one component's box and area by another's."""
    x, y, w, h, area = parts[into]
    px, py, pw, ph, more = parts[piece]
    left, top = min(x, px), min(y, py)
    parts[into] = left, top, max(x + w, px + pw) - left, max(y + h, py + ph) - top, area + more
