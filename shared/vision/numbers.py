"""Joins digits that stand together on a line into numbers, also on a sheet that is rotated by up to 20 degrees.

Close neighbours are one number. Digits that stand far apart are one number too if nothing is written between them and
their steps are even: a row of five evenly spaced digits reads as one number, the terms of a sum do not.

A character between close digits that was not read shows as a "?": 2017 without its 1 is "20?7" (docs/decisions/0036).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

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
MAX_SLOPE = math.radians(25)


@dataclass(frozen=True, slots=True)
class Placed:
    """A digit with its centre on the sheet rotated upright: x along the lines and y across them, in pixels."""

    x: float
    y: float
    digit: Digit

    @property
    def height(self) -> float:
        """Height of its box, which is not rotated."""
        return self.digit.box[3]

    def gap_px(self, right: "Placed") -> float:
        """Return the gap to a digit on the right, in pixels; negative if they overlap."""
        return right.x - self.x - (self.digit.box[2] + right.digit.box[2]) / 2

    def gap(self, right: "Placed") -> float:
        """Return the gap to a digit on the right, in the height of the taller of both."""
        return self.gap_px(right) / max(self.height, right.height)

    def may_join(self, right: "Placed", max_gap: float) -> bool:
        """Return whether height and gap of a digit on the right allow both to be neighbours in a number."""
        smaller, larger = sorted((self.height, right.height))
        return 0 < larger <= MAX_HEIGHT_RATIO * smaller and -MAX_OVERLAP <= self.gap(right) <= max_gap

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


def find_close_neighbours(placed: Sequence[Placed]) -> list[tuple[Digit, Digit]]:
    """Return the pairs (left, right) that stand next to each other in a number."""
    return [(placed[i].digit, placed[j].digit) for i, j in link_neighbours(placed, MAX_GAP).items()]


def find_far_neighbours(placed: Sequence[Placed]) -> list[tuple[Digit, Digit, float]]:
    """Return the pairs (left, right, gap in pixels) that can be one number only if the paper between them is empty."""
    pairs = [(placed[i], placed[j]) for i, j in link_neighbours(placed, MAX_FAR_GAP).items()]
    return [(left.digit, right.digit, left.gap_px(right)) for left, right in pairs if left.gap(right) > MAX_GAP]


def place_upright(digits: Sequence[Digit]) -> list[Placed]:
    """Return the digits on the sheet rotated upright."""
    return rotate(digits, estimate_slope(rotate(digits, 0.0)))


def rotate(digits: Sequence[Digit], angle: float) -> list[Placed]:
    """Rotate the digits' centres back by an angle; sort them, so that the order of the input does not matter."""
    cos, sin = math.cos(angle), math.sin(angle)
    centres = ((x + width / 2, y + height / 2, digit) for digit in digits for x, y, width, height in [digit.box])
    placed = [Placed(x * cos + y * sin, y * cos - x * sin, digit) for x, y, digit in centres]
    return sorted(placed, key=lambda one: (one.x, one.y, one.digit.box, one.digit.log_p))


def estimate_slope(placed: Sequence[Placed]) -> float:
    """Return the direction of the lines in radians, clockwise from level.

    It is the median over all digits of the direction to the nearest neighbour on the right, inside the cone.
    """
    angles = []
    for i, one in enumerate(placed):
        steps = [
            (math.hypot(other.x - one.x, other.y - one.y), math.atan2(other.y - one.y, other.x - one.x))
            for other in placed[i + 1 :]
            if other.x > one.x and one.may_join(other, MAX_GAP)
        ]
        if inside := [(distance, angle) for distance, angle in steps if abs(angle) <= CONE]:
            angles.append(min(inside)[1])
    return max(-MAX_SLOPE, min(MAX_SLOPE, median(angles or [0.0])))


def build_chains(placed: Sequence[Placed]) -> list[list[Placed]]:
    """Return the digits of each number from left to right."""
    close = link_neighbours(placed, MAX_GAP)
    followers = set(close.values())
    far = {i: j for i, j in link_even_steps(placed).items() if i not in close and j not in followers}
    links = close | far
    chains = []
    for i in sorted(set(range(len(placed))) - set(links.values())):
        chain = [i]
        while chain[-1] in links:
            chain.append(links[chain[-1]])
        chains.append([placed[member] for member in chain])
    return chains


def link_neighbours(placed: Sequence[Placed], max_gap: float) -> dict[int, int]:
    """Link each digit (by index) to its neighbour on the right, the closest pairs first."""
    return pair_closest(
        (left.gap(right), i, j)
        for i, left in enumerate(placed)
        for j, right in enumerate(placed[i + 1 :], i + 1)
        if left.may_join(right, max_gap) and left.is_level_with(right)
    )


def link_even_steps(placed: Sequence[Placed]) -> dict[int, int]:
    """Link digits across empty paper if their step is about as long as the step before or after it."""
    links = link_neighbours(placed, MAX_FAR_GAP)
    before = {j: i for i, j in links.items()}
    steps = {i: placed[j].x - placed[i].x for i, j in links.items()}
    even = {}
    for i, j in links.items():
        adjacent = [steps[k] for k in (before.get(i), j) if k in steps]
        is_even = any(max(step, steps[i]) <= MAX_STEP_RATIO * min(step, steps[i]) for step in adjacent)
        if is_even and 0 < placed[i].gap_px(placed[j]) <= GAP_TOLERANCE * placed[i].digit.gap_px:
            even[i] = j
    return even
