"""Follows digits from a frame that was read to a newer one, and notices what the older reading does not explain.

Each digit is searched for by normalised correlation, always with the frame that was read, so that errors do not add up.
Everything else must look as before, either where it was (the desk) or moved along with the digits (the sheet). Frames
are compared at half the size of gray frames, where a new digit of 12 pixels still shows (docs/decisions/0042).
"""

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box, Move
from shared.vision.gray_frame import Gray, as_uint8, halve, make_square_kernel

# each search: its reach in pixels, and the least correlation. A digit that was exchanged or wiped away has less
COARSE, FINE = (6, 0.7), (2, 0.8)  # at a quarter of the gray frame's size, then at half of it
MIN_SIDE_PX = 3  # of a digit, in the smaller of the two
MIN_CONTRAST = 8  # gray levels in a digit's box: on blank paper, noise would be followed
SLACK_PX = 2  # of motion that the digits' moves do not explain, at half size
NEW_INK = 0.18  # of the brightest paper: a pixel that changes more was not in the frame that was read


class KeptFrame:
    """A frame that was sent to be read, at half its size; what else following needs is made when it is first used."""

    def __init__(self, gray: Gray) -> None:
        self.half = halve(gray)

    @cached_property
    def quarter(self) -> Gray:
        return halve(self.half)

    @cached_property
    def darkest(self) -> Gray:
        """The darkest pixel around each one."""
        return as_uint8(cv2.erode(self.half, make_square_kernel(2 * SLACK_PX + 1)))

    @cached_property
    def brightest(self) -> Gray:
        """The brightest pixel around each one."""
        return as_uint8(cv2.dilate(self.half, make_square_kernel(2 * SLACK_PX + 1)))

    @cached_property
    def new_ink(self) -> float:
        """The change, in gray levels, from which on something new is in the picture."""
        return NEW_INK * float(self.half.max())


def resize(gray: Gray, shape: tuple[int, int]) -> Gray:
    """Return a gray frame in a smaller shape (rows, columns)."""
    return gray if gray.shape == shape else as_uint8(cv2.resize(gray, shape[::-1], interpolation=cv2.INTER_AREA))


def follow_digits(kept: KeptFrame, half: Gray, boxes: Sequence[Box]) -> tuple[Move, ...] | None:
    """Return the move of each box to a newer frame, given at the size of kept.half, to a fraction of a pixel.

    Boxes and moves are in pixels of the halves. None if a digit is not found, or if anything else has changed.
    """
    quarter = halve(half)
    moves: list[Move] = []
    for box in boxes:
        guess = round_move(moves[-1]) if moves else None  # digits of one sheet move alike
        move = match_patch(kept.half, half, box, guess, FINE) if guess else None
        move = move or find_move(kept, half, quarter, box)
        if move is None:
            return None
        moves.append(move)
    shift = round_move(np.mean(moves, axis=0)) if moves else (0, 0)
    return tuple(moves) if measure_change(kept, half, shift) <= kept.new_ink else None


def find_move(kept: KeptFrame, half: Gray, quarter: Gray, box: Box) -> Move | None:
    """Return the move of a box that may be anywhere in reach; None if nothing there looks like its digit."""
    x, y, width, height = box
    coarse = match_patch(kept.quarter, quarter, (x / 2, y / 2, width / 2, height / 2), (0, 0), COARSE)
    if coarse is None:
        return None
    return match_patch(kept.half, half, box, round_move((2 * coarse[0], 2 * coarse[1])), FINE)


def round_move(move: Sequence[float] | NDArray[np.float64]) -> tuple[int, int]:
    return round(float(move[0])), round(float(move[1]))


def match_patch(before: Gray, now: Gray, box: Box, guess: tuple[int, int], search: tuple[int, float]) -> Move | None:
    """Return the move of the patch in a box, searched for around a guess of it; None if nothing matches."""
    x, y, width, height = box
    reach_px, least = search
    left, top, patch = cut(before, box, 1)
    new_left, new_top, area = cut(now, (x + guess[0], y + guess[1], width, height), 1 + reach_px)
    if min(patch.shape) < MIN_SIDE_PX or area.shape[0] < patch.shape[0] or area.shape[1] < patch.shape[1]:
        return None
    darkest, brightest, _, _ = cv2.minMaxLoc(patch)
    if brightest - darkest < MIN_CONTRAST:
        return None
    scores = np.asarray(cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED), np.float32)
    _, best, _, (column, row) = cv2.minMaxLoc(scores)
    if best < least:
        return None
    right, down = column + find_peak(scores[row], column), row + find_peak(scores[:, column], row)
    return new_left - left + right, new_top - top + down


def cut(image: Gray, box: Box, margin: int) -> tuple[int, int, Gray]:
    """Return left edge, top edge and pixels of a box with a margin around it, as far as it is in the image."""
    x, y, width, height = box
    left, top = max(0, int(x) - margin), max(0, int(y) - margin)
    return left, top, image[top : max(0, int(y + height) + margin + 1), left : max(0, int(x + width) + margin + 1)]


def find_peak(scores: NDArray[np.float32], at: int) -> float:
    """Return where the parabola through the highest score and its neighbours has its peak: -0.5 to 0.5 from `at`."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    before, best, after = (float(score) for score in scores[at - 1 : at + 2])
    bend = before - 2 * best + after
    return max(-0.5, min(0.5, 0.5 * (before - after) / bend)) if bend < 0 else 0.0


def measure_change(kept: KeptFrame, half: Gray, shift: tuple[int, int]) -> float:
    """Return the largest change of gray of a pixel that neither stayed nor moved by the shift (right, down)."""
    change = leave_range(half, kept.darkest, kept.brightest)
    rows, columns = half.shape
    right, down = shift
    if shift != (0, 0) and abs(right) < columns and abs(down) < rows:
        now = slice(max(0, down), rows + min(0, down)), slice(max(0, right), columns + min(0, right))
        old = slice(max(0, -down), rows + min(0, -down)), slice(max(0, -right), columns + min(0, -right))
        change[now] = np.minimum(change[now], leave_range(half[now], kept.darkest[old], kept.brightest[old]))
    return float(change.max())


def leave_range(gray: Gray, darkest: Gray, brightest: Gray) -> Gray:
    """Return by how many gray levels each pixel is darker than the darkest, or brighter than the brightest."""
    return as_uint8(cv2.max(cv2.subtract(gray, brightest), cv2.subtract(darkest, gray)))
