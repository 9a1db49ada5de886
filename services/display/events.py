"""Number events: which numbers appear in front of a camera and which leave. Pure: time is an argument.

One number is one event, although readings flicker: a sheet comes into view and 2017 is read as 7 and 17 first, a sheet
turns and 30 falls apart, a hand passes. A number appears once it has settled. These never do: what touches the frame's
edge, a part of a number that stands at the same place, and a lone digit that is not sure. A number with a character
that was not read waits longer, because mostly it comes or goes.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from services.display.display_state import SET_BACK_S
from shared.vision.digit import UNREAD, Box, Number

SETTLE_S = 0.35  # a number appears once it was read for this long, which is the fifth reading at 10 a second
UNREAD_SETTLE_S = 1.5  # the same for a number with a character that was not read
FORGET_S = 0.25  # a number that has not appeared yet is forgotten after two missing readings at 10 a second
LEAVE_S = 1.0  # a number has left after it was not read for this long, or after FORGET_S if it moved out of the frame
MAX_PART_S = 2.0  # it stays for this long if more or fewer of its digits are read
SURE = 0.8  # confidence of a digit without neighbours: a mug or a ring that looks like 0 mostly has less
EDGE = 0.01  # of the frame's width and height
SAME_PLACE = 0.5  # of the smaller box that has to lie in the larger one

Size = tuple[int, int]  # width, height


class EventKind(StrEnum):
    """What happened to a number."""

    APPEARED = "appeared"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedNumber:
    """A number in front of a camera; last_read_at is also when it left, confidence is the highest so far."""

    key: int
    text: str
    box: Box
    first_read_at: float
    last_read_at: float
    similar_at: float  # when more or fewer of its digits were last read at its place
    velocity: tuple[float, float] = (0.0, 0.0)  # right and down, in pixels per second
    confidence: float = 0.0
    has_appeared: bool = False

    def read_again(self, number: Number, at: float) -> "TrackedNumber":
        """Return it with another reading."""
        elapsed_s = at - self.last_read_at
        right, down = number.box[0] - self.box[0], number.box[1] - self.box[1]
        return replace(
            self,
            box=number.box,
            last_read_at=at,
            velocity=(right / elapsed_s, down / elapsed_s) if elapsed_s > 0 else self.velocity,
            confidence=max(self.confidence, number.confidence),
        )

    def is_there(self, at: float, frame: Size) -> bool:
        """Return whether it still counts as being in front of the camera."""
        unread_s = at - self.last_read_at
        if unread_s <= -SET_BACK_S:
            return False
        x, y, width, height = self.box
        box = (x + self.velocity[0] * unread_s, y + self.velocity[1] * unread_s, width, height)
        if not self.has_appeared or touches_edge(box, frame):
            return unread_s <= FORGET_S
        return unread_s <= LEAVE_S or (unread_s <= MAX_PART_S and at - self.similar_at <= LEAVE_S)


@dataclass(frozen=True, slots=True)
class NumberEvent:
    """A number has appeared or left."""

    kind: EventKind
    number: TrackedNumber


class NumberTracker:
    """Tracks the numbers of one camera; times are in seconds of one clock."""

    def __init__(self) -> None:
        self._numbers: dict[int, TrackedNumber] = {}
        self._keys = itertools.count()
        self._frame: Size = (0, 0)

    def update(self, numbers: Sequence[Number], at: float, frame: Size) -> list[NumberEvent]:
        """Return the events that follow from the numbers read in a frame of this size."""
        self._frame = frame
        events = self.expire(at)
        for number, known in zip(numbers, self._match(numbers), strict=True):
            new = TrackedNumber(
                key=next(self._keys),
                text=number.text,
                box=number.box,
                first_read_at=at,
                last_read_at=at,
                similar_at=at,
            )
            tracked = (known or new).read_again(number, at)
            if not tracked.has_appeared and self._is_event(tracked, number.confidence):
                tracked = replace(tracked, has_appeared=True)
                events.append(NumberEvent(EventKind.APPEARED, tracked))
            self._numbers[tracked.key] = tracked
        return events

    def expire(self, at: float) -> list[NumberEvent]:
        """Return the numbers that have left by this time although no new frame came."""
        gone = [tracked for tracked in self._numbers.values() if not tracked.is_there(at, self._frame)]
        for tracked in gone:
            del self._numbers[tracked.key]
        return [NumberEvent(EventKind.LEFT, tracked) for tracked in gone if tracked.has_appeared]

    def _match(self, numbers: Sequence[Number]) -> list[TrackedNumber | None]:
        """Return for each number the tracked one of the same text, the nearest pairs first."""
        pairs = sorted(
            (distance(tracked.box, number.box), key, index)
            for key, tracked in self._numbers.items()
            for index, number in enumerate(numbers)
            if tracked.text == number.text
        )
        keys: dict[int, int] = {}
        for _, key, index in pairs:
            if index not in keys and key not in keys.values():
                keys[index] = key
        return [self._numbers[keys[index]] if index in keys else None for index in range(len(numbers))]

    def _is_event(self, tracked: TrackedNumber, confidence: float) -> bool:
        """Return whether a number has settled and is no part of another; those like it at its place stay longer."""
        at, is_part = tracked.last_read_at, False
        for other in list(self._numbers.values()):
            if other.has_appeared and share_of_smaller(other.box, tracked.box) >= SAME_PLACE:
                has_fewer, has_more = contains(other.text, tracked.text), contains(tracked.text, other.text)
                is_part |= has_fewer and not completes(tracked.text, other.text)
                if has_fewer or has_more:
                    self._numbers[other.key] = replace(other, similar_at=at)
        settle_s = UNREAD_SETTLE_S if UNREAD in tracked.text else SETTLE_S
        is_settled = at - tracked.first_read_at >= settle_s and not touches_edge(tracked.box, self._frame)
        return is_settled and not is_part and (len(tracked.text) > 1 or confidence >= SURE)


def contains(text: str, digits: str) -> bool:
    """Return whether a number has these digits in this order, perhaps with others between them.

    A character that was not read is any.
    """
    rest = iter(text)
    return all(any(digit == other or UNREAD in (digit, other) for other in rest) for digit in digits)


def completes(text: str, other: str) -> bool:
    """Return whether a number is another one with more of its characters read."""
    return len(text) == len(other) and text.count(UNREAD) < other.count(UNREAD)


def touches_edge(box: Box, frame: Size) -> bool:
    """Return whether a box reaches the edge of the frame or lies outside."""
    x, y, width, height = box
    margin_x, margin_y = EDGE * frame[0], EDGE * frame[1]
    is_inside = margin_x <= x <= frame[0] - margin_x - width and margin_y <= y <= frame[1] - margin_y - height
    return not is_inside


def share_of_smaller(a: Box, b: Box) -> float:
    """Return how much of the smaller box lies in the other, 0 to 1."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    smaller = min(a[2] * a[3], b[2] * b[3])
    return max(0.0, width) * max(0.0, height) / smaller if smaller > 0 else 0.0


def distance(a: Box, b: Box) -> float:
    """Return the distance of two boxes' centres."""
    return math.hypot(a[0] - b[0] + (a[2] - b[2]) / 2, a[1] - b[1] + (a[3] - b[3]) / 2)
