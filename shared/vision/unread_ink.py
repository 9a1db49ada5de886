"""Finds ink that was not read: a character that is missing between two digits of a number, or the ink at a place."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.gap import INK
from shared.vision.gray_frame import Gray, as_uint8, measure_percentiles
from shared.vision.normaliser import MIN_CONTRAST

# sizes of a character between two digits, in the height of the lower digit
MIN_GAP = 0.25  # a 1 between two digits takes that much: its stroke, and paper on both sides
MIN_HEIGHT = 0.5  # a decimal point, a comma or a minus is lower
MAX_RISE = 0.4  # of its middle above or below the line through both digits
MIN_INSIDE = 0.9  # of its ink, between the boxes; the tail of a digit that leaves its box has less
EXAMINED_PX = 56  # taller digits are scaled down to this, as for the classifier

WINDOWS_PX = (48, 96, 192, 384, 768)  # sides of the areas around a place in which its ink is looked for
MAX_DISTANCE = 0.35  # of the place from the ink, in the longer side of the ink: the middle of a 0 is paper
MIN_INK_PX = 8  # longer side; less is dirt


@dataclass(frozen=True, slots=True)
class Piece:
    """A connected piece of ink in an area: its box there, and whether it ends inside the area."""

    labels: NDArray[np.generic]  # of the area's pixels, one number a piece
    label: int
    box: tuple[int, int, int, int]
    ends: bool

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """Its pixels in the area."""
        return np.asarray(self.labels == self.label, np.bool_)


def find_missing_character(gray: Gray, left: Box, right: Box) -> float | None:
    """Return where between two boxes of a number a character was not read; None if nowhere.

    The result is the distance in pixels from the left box to the middle of the ink. A character is one piece of ink,
    level with the digits and at least half as tall. Ink that runs on (ruled lines, boxes of a form, shadows) is none.
    """
    lower, taller = sorted((left[3], right[3]))
    start, end = left[0] + left[2], right[0]
    if lower <= 0 or end - start < MIN_GAP * lower:
        return None
    scale = min(1.0, EXAMINED_PX / taller)
    (x, y), area = cut_between(gray, left, right, scale)
    level = (left[1] + right[1] + (left[3] + right[3]) / 2) / 2
    if not area.size:
        return None
    (paper,) = measure_percentiles(area, 50)
    ink = measure_ink(gray, left, paper)
    between = slice(max(0, math.floor((start - x) * scale)), math.ceil((end - x) * scale))
    if not has_ink(area[:, between], paper, ink):  # as between most digits
        return None
    for piece in find_pieces(area, paper, ink):
        px, py, width, height = (side / scale for side in piece.box)
        is_level = abs(y + py + height / 2 - level) <= MAX_RISE * lower
        if piece.ends and is_level and height >= MIN_HEIGHT * lower:
            pixels = piece.pixels
            if pixels[:, between].sum() >= MIN_INSIDE * pixels.sum():
                return x + px + width / 2 - start
    return None


def cut_between(gray: Gray, left: Box, right: Box, scale: float) -> tuple[tuple[int, int], Gray]:
    """Return the picture from the middle of one box to that of the other, with its corner in the frame.

    It reaches half a height above and below the taller box: what runs on further is no character.
    """
    taller = max(left[3], right[3])
    middles = (left[1] + left[3] / 2, right[1] + right[3] / 2)
    x, y = max(0, round(left[0] + left[2] / 2)), max(0, round(min(middles) - taller))
    area = gray[y : round(max(middles) + taller), x : max(x, round(right[0] + right[2] / 2))]
    if scale < 1 and area.size:
        area = as_uint8(cv2.resize(area, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return (x, y), area


def has_ink(area: Gray, paper: float, ink: float) -> bool:
    """Return whether any pixel of an area is ink; paper and ink as for find_pieces()."""
    if not area.size or abs(ink) < MIN_CONTRAST:
        return False
    darkest, brightest, _, _ = cv2.minMaxLoc(area)
    return ((darkest if ink < 0 else brightest) - paper) / ink > INK


def find_pieces(area: Gray, paper: float, ink: float) -> Iterator[Piece]:
    """Yield the pieces of ink in an area; paper is its median, ink measure_ink() of writing near it."""
    if not has_ink(area, paper, ink):
        return
    is_ink = as_uint8((np.arange(256) - paper) / ink > INK)  # of each gray level
    ltype = cv2.CV_16U if area.size < 2**16 else cv2.CV_32S  # there are at most a quarter as many pieces as pixels
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.LUT(area, is_ink), connectivity=8, ltype=ltype)
    rows, columns = area.shape
    for label, (x, y, width, height, _) in zip(range(1, count), stats[1:].tolist(), strict=True):
        ends = x > 0 and y > 0 and x + width < columns and y + height < rows
        yield Piece(np.asarray(labels), label, (x, y, width, height), ends)


def find_ink_at(gray: Gray, x: float, y: float) -> Box | None:
    """Return the box of the piece of ink at a place, or next to it; None if there is only paper."""
    for window_px in WINDOWS_PX:
        left, top = max(0, round(x - window_px / 2)), max(0, round(y - window_px / 2))
        area = gray[top : round(y + window_px / 2), left : round(x + window_px / 2)]
        if not area.size:
            return None
        (paper,) = measure_percentiles(area, 50)
        ink = float(max(int(area.min()) - paper, int(area.max()) - paper, key=abs))
        near = [(measure_distance(piece, x - left, y - top), piece) for piece in find_pieces(area, paper, ink)]
        distance, piece = min(near, key=lambda each: each[0], default=(np.inf, None))
        side = max(piece.box[2:]) if piece else 0
        if piece and piece.ends and side >= MIN_INK_PX and distance <= MAX_DISTANCE * side:
            return left + piece.box[0], top + piece.box[1], piece.box[2], piece.box[3]
    return None


def measure_distance(piece: Piece, x: float, y: float) -> float:
    """Return the distance of a place in the area from the nearest ink of a piece, in pixels."""
    rows, columns = np.nonzero(piece.pixels)
    return float(np.hypot(columns - x, rows - y).min())


def measure_ink(gray: Gray, box: Box, paper: float) -> float:
    """Return how much brighter than the paper a digit's ink is, in gray levels; negative for dark ink."""
    x, y, width, height = (round(side) for side in box)
    inside = gray[max(0, y) : y + max(height, 1), max(0, x) : x + max(width, 1)]
    return max((level - paper for level in measure_percentiles(inside, 5, 95)), key=abs) if inside.size else 0.0
