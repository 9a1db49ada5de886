"""Joins digits that stand together on a line into numbers, also on a sheet held up to 20 degrees askew.

Digits that stand far apart are one number where nothing is written between them and their steps are even: a row of five
is one number to a reader, and the terms of a sum are not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from shared.vision.digit import Box, Digit, Number

GAP = (
    1.1  # the widest white between neighbours of a number, in the taller's height: 0.8 to 1.3 were tried on photographs
)
WIDE = 2.5  # the widest white between digits with even steps
FEWEST_EVEN = 3  # digits: two have one step
SLACK = 1.2  # boxes are steadied, and move a little against the room that was measured
EVEN = 1.5  # how much longer one step may be than the next, from middle to middle
OVERLAP = 0.4  # how far neighbours may reach into each other, in their height: two boxes of one shape are no number
RISE = 0.5  # how far a neighbour may stand above or below the line, in their height
SCALE = 2.5  # how many times as high as its neighbour a digit may be
CONE = math.radians(35)  # neighbours in this cone tell the slope: 20 degrees, and 15 for digits that dance on the line
STEEPEST = math.radians(25)


@dataclass(frozen=True, slots=True)
class Placed:
    """A digit on the sheet set upright: x along its line and y across it; pixels, of the centre."""

    x: float
    y: float
    digit: Digit

    @property
    def width(self) -> float:
        """Of the upright box, in pixels."""
        return self.digit.box[2]

    @property
    def height(self) -> float:
        """Of the upright box, in pixels."""
        return self.digit.box[3]


def join_numbers(digits: Sequence[Digit]) -> tuple[Number, ...]:
    """Return the numbers on a sheet in reading order; a digit that stands alone is a number of one digit.

    A number's confidence is the product of its digits': all of them have to be right.
    """
    placed = turn(digits, slope(digits))
    return tuple(number(chain) for chain in in_reading_order(chains(placed)))


def slope(digits: Sequence[Digit]) -> float:
    """Return the direction of the lines in radians, clockwise from level: the median over nearest neighbours."""
    level = turn(digits, 0.0)
    angles = (angle for i, one in enumerate(level) if (angle := neighbour_angle(one, level[i + 1 :])) is not None)
    return max(-STEEPEST, min(STEEPEST, median([*angles] or [0.0])))


def neighbour_angle(one: Placed, others: Sequence[Placed]) -> float | None:
    """Return the direction to the nearest digit of like height on the right, inside the cone; None without one."""
    near = [
        (math.hypot(o.x - one.x, o.y - one.y), math.atan2(o.y - one.y, o.x - one.x))
        for o in others
        if o.x > one.x and fit(one, o) and -OVERLAP <= white(one, o) <= GAP
    ]
    return min(((d, angle) for d, angle in near if abs(angle) <= CONE), default=(0.0, None))[1]


def turn(digits: Sequence[Digit], angle: float) -> list[Placed]:
    """Turn the digits' centres back by an angle; sorted, so that the order they come in does not matter."""
    cos, sin = math.cos(angle), math.sin(angle)
    centres = ((x + width / 2, y + height / 2, digit) for digit in digits for x, y, width, height in [digit.box])
    placed = [Placed(x * cos + y * sin, y * cos - x * sin, digit) for x, y, digit in centres]
    return sorted(placed, key=lambda p: (p.x, p.y, p.digit.box, p.digit.log_p))


def chains(placed: Sequence[Placed]) -> list[list[Placed]]:
    """Return the digits of each number from left to right."""
    near = link(placed, GAP)
    followers = set(near.values())
    far = {i: j for i, j in link_evenly(placed).items() if i not in near and j not in followers}
    right, followers = near | far, followers | set(far.values())
    return [follow(placed, right, i) for i in range(len(placed)) if i not in followers]


def link_evenly(placed: Sequence[Placed]) -> dict[int, int]:
    """Link digits over empty paper whose step to the next is about as long as the one before or after it."""
    right = link(placed, WIDE)
    steps = {i: placed[j].x - placed[i].x for i, j in right.items()}
    left = {j: i for i, j in right.items()}

    def is_even(i: int) -> bool:
        beside = [steps[k] for k in (left.get(i), right[i]) if k in steps]
        return any(max(step, steps[i]) <= EVEN * min(step, steps[i]) for step in beside)

    return {i: j for i, j in right.items() if has_room(placed[i], placed[j]) and is_even(i)}


def far_pairs(digits: Sequence[Digit]) -> list[tuple[Digit, Digit, float]]:
    """Return the neighbours on a line that are one number only if the paper between them is empty, and its pixels."""
    placed = turn(digits, slope(digits))
    pairs = ((placed[i], placed[j]) for i, j in link(placed, WIDE).items())
    return [(a.digit, b.digit, gap_px(a, b)) for a, b in pairs if white(a, b) > GAP]


def has_room(a: Placed, b: Placed) -> bool:
    """Whether the paper between a digit and the next one has been found empty."""
    return 0 < gap_px(a, b) <= SLACK * a.digit.room


def link(placed: Sequence[Placed], widest: float) -> dict[int, int]:
    """Link each digit with the nearest on its right, the closest pairs first, each with one neighbour on each side."""
    links = sorted(
        (gap, i, j)
        for i, a in enumerate(placed)
        for j, b in enumerate(placed[i + 1 :], i + 1)
        if fit(a, b) and -OVERLAP <= (gap := white(a, b)) <= widest and abs(b.y - a.y) <= RISE * mean_height(a, b)
    )
    right: dict[int, int] = {}
    followers: set[int] = set()
    for _, i, j in links:
        if i not in right and j not in followers:
            right[i] = j
            followers.add(j)
    return right


def follow(placed: Sequence[Placed], right: dict[int, int], start: int) -> list[Placed]:
    """Return the chain of links that begins at an index."""
    chain = [placed[start]]
    while start in right:
        start = right[start]
        chain.append(placed[start])
    return chain


def fit(a: Placed, b: Placed) -> bool:
    """Whether two digits are of like height."""
    return 0 < max(a.height, b.height) <= SCALE * min(a.height, b.height)


def white(a: Placed, b: Placed) -> float:
    """Return the gap between a digit and one on its right, in the taller's height; negative where they overlap."""
    return gap_px(a, b) / max(a.height, b.height)


def gap_px(a: Placed, b: Placed) -> float:
    """Return the gap between a digit and one on its right, in pixels; negative where they overlap."""
    return b.x - a.x - (a.width + b.width) / 2


def mean_height(a: Placed, b: Placed) -> float:
    """Return the mean height of two digits, in pixels."""
    return (a.height + b.height) / 2


def in_reading_order(found: Sequence[list[Placed]]) -> list[list[Placed]]:
    """Sort chains by line from the top, and from left to right within a line."""
    lines: list[list[list[Placed]]] = []
    for chain in sorted(found, key=lambda c: (c[0].y, c[0].x)):
        if lines and chain[0].y - lines[-1][0][0].y <= RISE * mean_height(chain[0], lines[-1][0][0]):
            lines[-1].append(chain)
        else:
            lines.append([chain])
    return [chain for line in lines for chain in sorted(line, key=lambda c: (c[0].x, c[0].y))]


def number(chain: Sequence[Placed]) -> Number:
    """Return the number that a chain of digits spells."""
    digits = [placed.digit for placed in chain]
    text = "".join(str(digit.digit) for digit in digits)
    return Number(text, math.prod(digit.confidence for digit in digits), around([digit.box for digit in digits]))


def around(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around boxes."""
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return left, top, right - left, bottom - top
