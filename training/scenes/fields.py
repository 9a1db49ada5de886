"""Distance fields, from which pens draw glyphs.

A field holds each pixel's distance to a centre line, or to the edge of a body (negative inside). It stays smooth when
it is scaled, rotated and bent. A pen of any width is then one threshold, with soft edges at every size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import as_uint8

SIDE = 84  # pixels of a field's side: MNIST's 28, three times enlarged
BOX = 60  # pixels of a glyph's longer side in a field: MNIST's 20, three times enlarged
MARGIN = 12  # pixels of a field around its glyph: half the widest pen, and the tremor
EDGE = 115  # MNIST's grey level at a stroke's edge, 0.45 of 255

Field = NDArray[np.float32]
Mask = NDArray[np.uint8]

# The eight neighbours, clockwise from above, as the bits 1, 2, 4 ... 128 of one number.
NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)
THINNING_ROUNDS = 16  # peels 32 pixels off a stroke's width; the widest of MNIST has 24 here


def make_thinning_table(*, first_half: bool) -> Mask:
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


HALVES = (make_thinning_table(first_half=True), make_thinning_table(first_half=False))


def thin_body(body: Mask) -> Mask:
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


def make_line_field(line: Mask) -> Field:
    """Return the distance of each pixel to a line (0 or 1 a pixel)."""
    return np.asarray(cv2.distanceTransform(1 - line, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)


def make_body_field(body: Mask) -> Field:
    """Return the distance of each pixel to a body's edge, negative inside."""
    inside = cv2.distanceTransform(body, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(make_line_field(body) - inside, np.float32)


def trim_mask(mask: Mask) -> Mask:
    """Return the drawn part of a mask with MARGIN pixels around it: small fields are faster to warp."""
    x, y, width, height = cv2.boundingRect(mask)
    trimmed = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN), np.uint8)
    trimmed[MARGIN : MARGIN + height, MARGIN : MARGIN + width] = mask[y : y + height, x : x + width]
    return trimmed


def enlarge_image(image: NDArray[np.uint8]) -> Mask:
    """Return a 28 x 28 image (ink bright on black) as a body of SIDE x SIDE."""
    large = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return (large > EDGE).astype(np.uint8)
