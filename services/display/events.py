"""Number events: which numbers appear in front of a camera and which leave. Pure: time is an argument.

The readings of single frames flicker: a hand passes, or a sheet turns and 30 falls apart into 3 and 0 for a moment.
A number has appeared once it was read for APPEAR_S, and has left once it was not read for LEAVE_S.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from services.display.display_state import SET_BACK_S
from shared.vision.digit import Number

APPEAR_S = 0.3
LEAVE_S = 1.0
FORGET_S = 0.25  # a number that has not appeared yet is forgotten after two missing readings at 10 a second

Key = tuple[str, int]  # a number's text, and its place among numbers of the same text


class EventKind(StrEnum):
    """What happened to a number."""

    APPEARED = "appeared"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedNumber:
    """A number in front of a camera; last_read_at is also when it left, confidence is the highest so far."""

    key: Key
    first_read_at: float
    last_read_at: float
    confidence: float = 0.0
    has_appeared: bool = False

    @property
    def text(self) -> str:
        return self.key[0]


@dataclass(frozen=True, slots=True)
class NumberEvent:
    """A number has appeared or left."""

    kind: EventKind
    number: TrackedNumber


class NumberTracker:
    """Tracks the numbers of one camera; times are in seconds of one clock."""

    def __init__(self) -> None:
        self._numbers: dict[Key, TrackedNumber] = {}

    def update(self, numbers: Sequence[Number], at: float) -> list[NumberEvent]:
        """Return the events that follow from the numbers of one frame."""
        events = self.expire(at)
        for key, number in with_keys(numbers):
            known = self._numbers.get(key, TrackedNumber(key=key, first_read_at=at, last_read_at=at))
            confidence = max(known.confidence, number.confidence)
            self._numbers[key] = replace(known, last_read_at=at, confidence=confidence)
        for key, tracked in self._numbers.items():
            if not tracked.has_appeared and tracked.last_read_at - tracked.first_read_at >= APPEAR_S:
                self._numbers[key] = replace(tracked, has_appeared=True)
                events.append(NumberEvent(EventKind.APPEARED, self._numbers[key]))
        return events

    def expire(self, at: float) -> list[NumberEvent]:
        """Return the numbers that have left by this time although no new frame came."""
        gone = [
            tracked
            for tracked in self._numbers.values()
            if not -SET_BACK_S < at - tracked.last_read_at <= (LEAVE_S if tracked.has_appeared else FORGET_S)
        ]
        for tracked in gone:
            del self._numbers[tracked.key]
        return [NumberEvent(EventKind.LEFT, tracked) for tracked in gone if tracked.has_appeared]


def with_keys(numbers: Sequence[Number]) -> list[tuple[Key, Number]]:
    """Return each number with its key, in reading order: two numbers of the same text are two."""
    counts: Counter[str] = Counter()
    pairs = []
    for number in numbers:
        counts[number.text] += 1
        pairs.append(((number.text, counts[number.text]), number))
    return pairs
