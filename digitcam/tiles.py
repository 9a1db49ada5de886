"""Cuts a long strip, such as a panorama or a till receipt, into tiles: scaled down whole, its digits would vanish."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from shared.vision.digit import Digit
from shared.vision.gray_frame import LONG_SIDE_PX

MIN_SHORT_PX = 64  # a picture is cut if scaling it down would leave its short side fewer pixels
STEP, TILE = 1.0, 2.0  # in the short side: a digit that is cut by one tile's edge is whole in the next
SHARED = 0.1  # in the short side: tiles disagree a little about where a digit is, and none may be lost between two


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture, the range of centres of the digits it has to find, and where it begins.

    across: tiles go from left to right. What lies near the border of two cores is found in both.
    """

    pixels: NDArray[Any]
    begin: int
    core: tuple[float, float]
    across: bool

    def place_digits(self, digits: Iterable[Digit]) -> Iterator[Digit]:
        """Yield the digits of this tile's core with boxes in the whole picture."""
        dx, dy = (self.begin, 0) if self.across else (0, self.begin)
        for digit in digits:
            x, y, width, height = digit.box
            box = (x + dx, y + dy, width, height)
            centre = box[0] + width / 2 if self.across else box[1] + height / 2
            if self.core[0] <= centre < self.core[1]:
                yield replace(digit, box=box)


def cut_tiles(pixels: NDArray[Any]) -> Iterator[Tile]:
    """Yield the tiles of a picture (H x W ...): overlapping ones of a strip, else the picture itself."""
    height, width = (*pixels.shape, 1, 1)[:2]
    long, short, across = max(height, width), max(1, min(height, width)), width > height
    if short >= MIN_SHORT_PX * max(1.0, long / LONG_SIDE_PX) or long <= LONG_SIDE_PX:
        yield Tile(pixels, 0, (float("-inf"), float("inf")), across)
        return
    step, size = round(STEP * short), round(TILE * short)
    starts = range(0, long - size + step, step)
    for begin in starts:
        low, high = begin + (size - step) / 2 - SHARED * short, begin + (size + step) / 2 + SHARED * short
        core = (low if begin else float("-inf"), high if begin != starts[-1] else float("inf"))
        yield Tile(pixels[:, begin : begin + size] if across else pixels[begin : begin + size], begin, core, across)
