"""Which numbers come into a camera's sight and leave it. Pure: it is told what is shown and when.

What is shown of one frame flickers at its edges: a hand passes, a sheet turns and 30 falls apart into 3 and 0 for a
moment. A number has appeared once it was shown for APPEAR_S, and has left once it was not for LEAVE_S.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.display.display_state import SET_BACK_S
from shared.vision.digit import Number

APPEAR_S = 0.3
LEAVE_S = 1.0
WAVER_S = 0.25  # a number that has not appeared yet is forgotten after so long: two readings at 10 a second

Key = tuple[str, int]  # a number's text, and which of several that read the same


@dataclass(frozen=True, slots=True)
class NumberSighting:
    """A number in sight: which of those that read the same, since when, when last shown, and how sure at most."""

    text: str
    which: int
    appeared_at: float
    seen_at: float
    confidence: float
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class NumberAppeared:
    """A number has come into sight."""

    sighting: NumberSighting


@dataclass(frozen=True, slots=True)
class NumberLeft:
    """A number that had appeared is gone; its sighting's seen_at is when it was last shown."""

    sighting: NumberSighting


Change = NumberAppeared | NumberLeft


class NumberTracker:
    """The numbers in sight of one camera; times are in seconds of one clock."""

    def __init__(self) -> None:
        self._seen: dict[Key, NumberSighting] = {}

    def update(self, numbers: Sequence[Number], at: float) -> list[Change]:
        """Take in what is shown at a time; what has changed by it."""
        left = self.look(at)
        for key, number in keyed(numbers):
            known = self._seen.get(key, NumberSighting(*key, at, at, 0.0))
            confidence = max(known.confidence, number.confidence)
            self._seen[key] = replace(known, seen_at=at, confidence=confidence)
        return left + self._appear()

    def look(self, at: float) -> list[Change]:
        """What has left by this time, though nothing new was shown."""
        gone = {
            key: seen
            for key, seen in self._seen.items()
            if not -SET_BACK_S < at - seen.seen_at <= (LEAVE_S if seen.is_told else WAVER_S)
        }
        self._seen = {key: sighting for key, sighting in self._seen.items() if key not in gone}
        return [NumberLeft(sighting) for sighting in gone.values() if sighting.is_told]

    def _appear(self) -> list[Change]:
        new = [k for k, s in self._seen.items() if not s.is_told and s.seen_at - s.appeared_at >= APPEAR_S]
        self._seen |= {key: replace(self._seen[key], is_told=True) for key in new}
        return [NumberAppeared(self._seen[key]) for key in new]


def keyed(numbers: Sequence[Number]) -> list[tuple[Key, Number]]:
    """Return numbers with a key each, in reading order: two that read the same are two."""
    counts: Counter[str] = Counter()
    pairs = []
    for number in numbers:
        counts[number.text] += 1
        pairs.append(((number.text, counts[number.text]), number))
    return pairs
