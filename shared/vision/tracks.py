"""Steadies readings over time: each digit gathers evidence as log-probabilities, and forgets with the clock.

Class numbers are never averaged: a 1 seen as a 7 every other frame must not become a 4. A camera at 10 frames/s
steadies in the same time as one at 30, because readings are weighed by the time they stand for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.vision.digit import Box, Digit

FORGET_S = (
    0.3  # evidence falls to 1/e in this time. At 30 frames/s with one reading in five wrong: no flicker in 200 s,
)
# and a digit exchanged for another is shown after 8 frames (0.25 s: 7 frames, 6 flickers; 0.4 s: 10 frames)
LOOK_S = 0.1  # readings closer than this share their noise, so together they count as about one look
FLOOR = math.log(1e-3)  # the most that one look can say against a class: a wild frame outweighs nothing for long
GAP_S = 0.4  # a digit unseen for so long (a hand passes, the sheet blurs) is gone
SHOW, HIDE = 0.75, 0.5  # shown from this probability on the summed evidence, until it falls below that one
STAY = 2.0  # head start of the class shown, in nats: an even race between 4 and 9 does not flicker
TIE = 1e-3  # what lives on its head start is shown with the confidence that it shares with the leader
REACH = 0.7  # how far a digit may move between two readings, in its own size
COVERED = 0.5  # what is unseen, with another digit so near, is gone
SCALE = 1.8  # how much its longer side may change
STILL = 0.15  # moves below this part of its size are jitter and are smoothed; larger ones are followed at once

Evidence = tuple[float, ...]  # 11 sums of log-probabilities, as in Digit.log_p


@dataclass(frozen=True, slots=True)
class Track:
    """One digit followed through the readings; looks is how many independent readings its evidence weighs."""

    box: Box
    evidence: Evidence = (0.0,) * 11
    looks: float = 0.0
    unseen_s: float = 0.0
    shown: int | None = None
    room: float = 0.0


class DigitTracker:
    """The digits that one camera has shown lately."""

    def __init__(self) -> None:
        self._tracks: tuple[Track, ...] = ()
        self._at = -math.inf

    def update(self, digits: Sequence[Digit], at: float) -> tuple[Digit, ...]:
        """Take in the reading of a frame captured at `at`, in seconds; return the steady digits, oldest first."""
        elapsed_s = max(0.0, at - self._at)
        self._at = at
        pairs = match(self._tracks, digits)
        old = (
            see(track, digits[pairs[i]], elapsed_s) if i in pairs else miss(track, elapsed_s)
            for i, track in enumerate(self._tracks)
        )
        new = (see(Track(digit.box), digit, elapsed_s) for j, digit in enumerate(digits) if j not in pairs.values())
        tracks = (*old, *new)
        seen = [track for track in tracks if not track.unseen_s]
        self._tracks = tuple(
            decide(track)
            for track in tracks
            if not track.unseen_s or (track.unseen_s <= GAP_S and not is_covered(track, seen))
        )
        return self.held(at)

    def stay(self, at: float) -> tuple[Digit, ...]:
        """Return the steady digits for a frame at `at` whose page is the one read last: nothing is forgotten."""
        self._at = at
        return self.held(at)

    def held(self, at: float) -> tuple[Digit, ...]:
        """Return the steady digits for a frame at `at` that nobody read: those seen less than GAP_S before."""
        since_s = max(0.0, at - self._at)
        return tuple(steady_digit(t) for t in self._tracks if t.shown is not None and t.unseen_s + since_s <= GAP_S)


def match(tracks: Sequence[Track], digits: Sequence[Digit]) -> dict[int, int]:
    """Pair tracks with digits, nearest first; return index of track -> index of digit."""
    near = sorted(
        (gap, i, j)
        for i, track in enumerate(tracks)
        for j, digit in enumerate(digits)
        if (gap := distance(track.box, digit.box)) <= REACH
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in near:
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return pairs


def is_covered(track: Track, others: Sequence[Track]) -> bool:
    """Return whether another digit stands where this one was: then it has moved on, or was a part of that one."""
    return any(distance(track.box, other.box) <= COVERED for other in others)


def distance(a: Box, b: Box) -> float:
    """Return how far two boxes' centres are apart in units of their longer sides; infinite if these do not agree."""
    smaller, larger = sorted((max(a[2:]), max(b[2:])))
    if larger > SCALE * smaller:
        return math.inf
    across, down = b[0] - a[0] + (b[2] - a[2]) / 2, b[1] - a[1] + (b[3] - a[3]) / 2
    return math.hypot(across, down) / larger if larger > 0 else math.inf


def see(track: Track, digit: Digit, elapsed_s: float) -> Track:
    """Add a reading to a track's evidence."""
    weight = 1 - math.exp(-elapsed_s / LOOK_S)
    kept = math.exp(-elapsed_s / FORGET_S)
    evidence = tuple(kept * e + weight * max(new, FLOOR) for e, new in zip(track.evidence, digit.log_p, strict=True))
    box = smooth(track.box, digit.box)
    looks = kept * track.looks + weight
    return replace(track, box=box, evidence=evidence, looks=looks, unseen_s=0.0, room=digit.room)


def miss(track: Track, elapsed_s: float) -> Track:
    """Let a track forget over a reading that it is not in."""
    kept = math.exp(-elapsed_s / FORGET_S)
    evidence = tuple(kept * e for e in track.evidence)
    return replace(track, evidence=evidence, looks=kept * track.looks, unseen_s=track.unseen_s + elapsed_s)


def smooth(old: Box, new: Box) -> Box:
    """Return the box to show: small moves are averaged away, large ones are followed without lag."""
    size = max(old[2], old[3], 1.0)
    follow = min(1.0, 0.25 + max(abs(b - a) for a, b in zip(old, new, strict=True)) / (STILL * size))
    x, y, width, height = (a + follow * (b - a) for a, b in zip(old, new, strict=True))
    return x, y, width, height


def decide(track: Track) -> Track:
    """Choose the class that a track shows, if any; what is shown already keeps a head start."""
    log_p = normalise(favour(track))
    best = max(range(10), key=log_p.__getitem__)
    enough = HIDE if track.shown is not None else SHOW
    return replace(track, shown=best if math.exp(log_p[best]) >= enough else None)


def steady_digit(track: Track) -> Digit:
    """Return what a track shows.

    Its confidence is that of the average look (a geometric mean of probabilities): frames of one sheet share its ink,
    so more of them make a digit steadier, not surer. Below one look the missing part is doubt.
    """
    average = [e / max(track.looks, 1.0) for e in track.evidence]
    if track.shown is not None:
        average[track.shown] = max(average[track.shown], max(average) + TIE)
    return Digit(track.box, normalise(average), track.room)


def favour(track: Track) -> Evidence:
    """Return the evidence with the head start of the class shown."""
    return tuple(e + STAY * (i == track.shown) for i, e in enumerate(track.evidence))


def normalise(evidence: Sequence[float]) -> Evidence:
    """Return evidence as logarithms of probabilities that sum to 1."""
    top = max(evidence)
    total = top + math.log(sum(math.exp(e - top) for e in evidence))
    return tuple(e - total for e in evidence)
