"""Distance fields: the form that everything written has before a pen draws it.

A field tells each pixel how far it lies from a centre line, or from the edge of a body (negative inside). Scaled,
turned and bent it stays smooth, and a pen of any width is then one threshold, with soft edges at every size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import as_uint8

SIDE = 84  # pixels of a field's side: MNIST's 28, three times enlarged
ENLARGE = 3
BOX = 60  # pixels of a glyph's longer side in a field: MNIST's 20, three times enlarged
MARGIN = 12  # pixels of a field around what is drawn: half the widest pen, and the hand's tremor
EDGE = 115  # MNIST's grey level at a stroke's edge, 0.45 of 255

Field = NDArray[np.float32]
Mask = NDArray[np.uint8]

# The eight neighbours, clockwise from above, as the bits 1, 2, 4 ... 128 of one number.
NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)
THINNING_ROUNDS = 16  # peels 32 pixels off a stroke's width; the widest of MNIST has 24 here


def kept(*, first_half: bool) -> Mask:
    """Return for each of the 256 neighbourhoods whether thinning keeps its pixel, 1 or 0 (Zhang and Suen, 1984)."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    count = bits.sum(axis=1)
    rises = ((bits == 0) & (np.roll(bits, -1, axis=1) == 1)).sum(axis=1)
    above, right, below, left = (bits[:, i] for i in (0, 2, 4, 6))
    free = (
        (above * right * below == 0) & (right * below * left == 0)
        if first_half
        else ((above * right * left == 0) & (above * below * left == 0))
    )
    return np.asarray(~((count >= 2) & (count <= 6) & (rises == 1) & free), np.uint8)


HALVES = (kept(first_half=True), kept(first_half=False))


def thin(body: Mask) -> Mask:
    """Return the centre line, one pixel wide, of a body (0 or 1 a pixel)."""
    line = body.copy()
    for _ in range(THINNING_ROUNDS):
        before = cv2.countNonZero(line)
        for half in HALVES:
            around = cv2.filter2D(line, -1, NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
            line &= as_uint8(cv2.LUT(around, half))
        if cv2.countNonZero(line) == before:
            break
    return line


def line_field(line: Mask) -> Field:
    """Return the distance of each pixel to a line (0 or 1 a pixel)."""
    return np.asarray(cv2.distanceTransform(1 - line, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)


def body_field(body: Mask) -> Field:
    """Return the distance of each pixel to a body's edge, negative inside."""
    inside = cv2.distanceTransform(body, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(line_field(body) - inside, np.float32)


def trim(mask: Mask) -> Mask:
    """Return what is drawn on a mask, with MARGIN pixels around it: a small field is bent and scaled sooner."""
    x, y, width, height = cv2.boundingRect(mask)
    trimmed = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN), np.uint8)
    trimmed[MARGIN : MARGIN + height, MARGIN : MARGIN + width] = mask[y : y + height, x : x + width]
    return trimmed


def enlarge(image: NDArray[np.uint8]) -> Mask:
    """Return a 28 x 28 image (ink bright on black) as a body of SIDE x SIDE."""
    large = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return (large > EDGE).astype(np.uint8)
