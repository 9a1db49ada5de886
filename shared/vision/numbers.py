"""Joins digits that stand together on a line into numbers, also on a sheet that is rotated by up to 20 degrees.

Close neighbours are one number. Digits that stand far apart are one number too if nothing is written between them and
their steps are even: a row of five evenly spaced digits reads as one number, the terms of a sum do not.

A character between close digits that was not read shows as a "?": 2017 without its 1 is "20?7" (docs/decisions/0036).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from shared.vision.digit import UNREAD, Box, Digit, Number
from shared.vision.pairing import pair_closest

# gaps and overlaps are in the height of the taller neighbour
MAX_GAP = 1.1  # between close neighbours; 0.8 to 1.3 were tried on photographs
MAX_FAR_GAP = 2.5  # between digits with even steps
MAX_OVERLAP = 0.4  # two boxes of one shape overlap more, and are not a number
MIN_EVEN_DIGITS = 3  # two digits have a single step, which can't be called even
MAX_STEP_RATIO = 1.5  # between successive steps, from centre to centre
GAP_TOLERANCE = 1.2  # tracking smooths the boxes, so they differ a little from those whose gap was measured
UNREAD_CONFIDENCE = 0.1  # of a character that was not read: a guess among ten digits
MAX_RISE = 0.5  # of a neighbour above or below the line, in their mean height
MAX_HEIGHT_RATIO = 2.5
CONE = math.radians(35)  # neighbours in it give the slope: 20 degrees, and 15 for digits that dance on the line
STEEPEST = math.tan(CONE)
MAX_SLOPE = math.radians(25)


class Placed(NamedTuple):
    """A digit with its centre on the sheet rotated upright: x along the lines and y across them, in pixels.

    width and height are those of its box, which is not rotated.
    """

    x: float
    y: float
    width: float
    height: float
    digit: Digit

    def gap_px(self, right: "Placed") -> float:
        """Return the gap to a digit on the right, in pixels; negative if they overlap."""
        return right.x - self.x - (self.width + right.width) / 2

    def gap(self, right: "Placed") -> float:
        """Return the gap to a digit on the right, in the height of the taller of both."""
        return self.gap_px(right) / max(self.height, right.height)

    def is_close_to(self, right: "Placed") -> bool:
        """Return whether a digit on the right is as near as the next one of a number mostly is."""
        return self.gap(right) <= MAX_GAP

    def is_before_unread(self, right: "Placed") -> bool:
        """Return whether a character was not read between this digit and the next.

        Tracking may show a digit in that place, which the last reading alone did not contain.
        """
        return 0 < self.digit.unread_px < self.gap_px(right)

    def is_level_with(self, other: "Placed") -> bool:
        """Return whether both stand on one line."""
        return abs(other.y - self.y) <= MAX_RISE * (self.height + other.height) / 2


def join_numbers(digits: Sequence[Digit]) -> tuple[Number, ...]:
    """Return the numbers on a sheet in reading order; a digit that stands alone is a number of one digit.

    The confidence of a number is the product of its digits' confidences, since all of them have to be right. Each
    character that was not read counts as UNREAD_CONFIDENCE.
    """
    lines: list[list[list[Placed]]] = []
    for chain in sorted(build_chains(place_upright(digits)), key=lambda chain: (chain[0].y, chain[0].x)):
        if lines and lines[-1][0][0].is_level_with(chain[0]):
            lines[-1].append(chain)
        else:
            lines.append([chain])
    return tuple(
        make_number(chain) for line in lines for chain in sorted(line, key=lambda chain: (chain[0].x, chain[0].y))
    )


def make_number(chain: Sequence[Placed]) -> Number:
    """Return the number that digits spell from left to right, with the smallest box around them."""
    digits = [placed.digit for placed in chain]
    missing = [i for i, (left, right) in enumerate(pairwise(chain)) if left.is_before_unread(right)]
    return Number(
        text="".join(f"{digit.digit}{UNREAD if i in missing else ''}" for i, digit in enumerate(digits)),
        confidence=math.prod(digit.confidence for digit in digits) * UNREAD_CONFIDENCE ** len(missing),
        box=surround(digits),
        unread=tuple(box_between(digits[i], digits[i + 1]) for i in missing),
    )


def surround(digits: Sequence[Digit]) -> Box:
    """Return the smallest box around digits."""
    boxes = [digit.box for digit in digits]
    left, top = min(x for x, _, _, _ in boxes), min(y for _, y, _, _ in boxes)
    right, bottom = max(x + width for x, _, width, _ in boxes), max(y + height for _, y, _, height in boxes)
    return left, top, right - left, bottom - top


def box_between(left: Digit, right: Digit) -> Box:
    """Return the box that fills the gap between two digits."""
    _, top, _, height = surround((left, right))
    end = left.box[0] + left.box[2]
    return end, top, max(0.0, right.box[0] - end), height


def find_neighbours(placed: Sequence[Placed]) -> list[tuple[Placed, Placed]]:
    """Return the pairs (left, right) that stand next to each other on a line.

    If they are not close, they can be one number only if the paper between them is empty.
    """
    return [(placed[i], placed[j]) for i, j in link_neighbours(placed).items()]


def place_upright(digits: Sequence[Digit]) -> list[Placed]:
    """Return the digits on the sheet rotated upright."""
    return rotate(digits, estimate_slope(rotate(digits, 0.0)))


def rotate(digits: Sequence[Digit], angle: float) -> list[Placed]:
    """Rotate the digits' centres back by an angle; sort them, so that the order of the input does not matter."""
    cos, sin = math.cos(angle), math.sin(angle)
    placed = []
    for digit in digits:
        left, top, width, height = digit.box
        x, y = left + width / 2, top + height / 2
        placed.append(Placed(x * cos + y * sin, y * cos - x * sin, width, height, digit))
    return sorted(placed, key=lambda one: (one.x, one.y, one.digit.box, one.digit.log_p))


def estimate_slope(placed: Sequence[Placed]) -> float:
    """Return the direction of the lines in radians, clockwise from level.

    It is the median over all digits of the direction to the nearest neighbour on the right, inside the cone.
    """
    steps: dict[int, list[tuple[float, float]]] = {}
    for _, i, j in find_joinable(placed, MAX_GAP):
        across, down = placed[j].x - placed[i].x, placed[j].y - placed[i].y
        angle = math.atan2(down, across)
        if across > 0 and abs(angle) <= CONE:
            steps.setdefault(i, []).append((math.hypot(across, down), angle))
    angles = [min(inside)[1] for inside in steps.values()]
    return max(-MAX_SLOPE, min(MAX_SLOPE, median(angles or [0.0])))


def build_chains(placed: Sequence[Placed]) -> list[list[Placed]]:
    """Return the digits of each number from left to right."""
    links = link_neighbours(placed)
    even = find_even_steps(placed, links)
    links = {i: j for i, j in links.items() if i in even or placed[i].is_close_to(placed[j])}
    chains = []
    for i in sorted(set(range(len(placed))) - set(links.values())):
        chain = [i]
        while chain[-1] in links:
            chain.append(links[chain[-1]])
        chains.append([placed[member] for member in chain])
    return chains


def link_neighbours(placed: Sequence[Placed]) -> dict[int, int]:
    """Link each digit (by index) to its neighbour on the right, the closest pairs first."""
    return pair_closest(
        (gap, i, j) for gap, i, j in find_joinable(placed, MAX_FAR_GAP) if placed[i].is_level_with(placed[j])
    )


def find_joinable(placed: Sequence[Placed], max_gap: float) -> Iterator[tuple[float, int, int]]:
    """Yield (gap, left, right) for each two digits that may be neighbours in a number by their heights and their gap.

    Pairs are left out that are neither level nor in the cone. The digits are sorted by x, and what lies further right
    than a gap allows is not looked at: comparing all pairs of 300 digits took 46 ms.
    """
    widest = max((one.width for one in placed), default=0.0)
    for i, left in enumerate(placed):
        furthest = left.x + max_gap * MAX_HEIGHT_RATIO * left.height + (left.width + widest) / 2 + 1
        for j in range(i + 1, len(placed)):
            right = placed[j]
            if right.x > furthest:
                break
            if abs(right.y - left.y) > STEEPEST * (right.x - left.x) + MAX_RISE * (left.height + right.height) / 2:
                continue
            smaller, larger = sorted((left.height, right.height))
            if 0 < larger <= MAX_HEIGHT_RATIO * smaller:
                gap = left.gap(right)
                if -MAX_OVERLAP <= gap <= max_gap:
                    yield gap, i, j


def find_even_steps(placed: Sequence[Placed], links: Mapping[int, int]) -> set[int]:
    """Return the digits with a link across empty paper that is about as long as the link before or after it."""
    before = {j: i for i, j in links.items()}
    steps = {i: placed[j].x - placed[i].x for i, j in links.items()}
    even = set()
    for i, j in links.items():
        adjacent = [steps[k] for k in (before.get(i), j) if k in steps]
        is_even = any(max(step, steps[i]) <= MAX_STEP_RATIO * min(step, steps[i]) for step in adjacent)
        if is_even and 0 < placed[i].gap_px(placed[j]) <= GAP_TOLERANCE * placed[i].digit.gap_px:
            even.add(i)
    return even
