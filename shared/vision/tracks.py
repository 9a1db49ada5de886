"""Tracks digits over time: each track sums evidence as log-probabilities and lets it decay.

Digits are never averaged: a 1 read as a 7 in every other frame must not become a 4. Readings are weighted by the time
since the previous one, so a camera with 10 frames/s settles as fast as one with 30.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box, Digit
from shared.vision.pairing import pair_closest

# Evidence falls to 1/e in this time. At 30 frames/s with one reading in five wrong, nothing flickers in 200 s, and a
# digit exchanged for another is shown after 8 frames (0.25 s: 7 frames, 6 flickers; 0.4 s: 10 frames).
DECAY_S = 0.3
INDEPENDENT_S = 0.1  # readings closer than this share their noise, and together count as about one
MIN_LOG_P = math.log(1e-3)  # per reading and class: a single wild frame can't rule out a class for long
MAX_UNSEEN_S = 0.4  # a digit unseen for longer (a hand passes, the sheet blurs) is gone
MAX_STRAY = 0.25  # an unseen digit is not shown once it has moved by this share of its size, at its last speed
SPEED_OVER_S = 0.1  # speeds are averaged over this time: a box that jitters stands still
SHOW, HIDE = 0.75, 0.5  # a digit is shown from the first probability on, until it falls below the second
HEAD_START = 2.0  # of the class shown, in nats: a 4 and a 9 that are equally probable do not flicker
TIE = 1e-3  # a class that is shown thanks to its head start gets the confidence of the leader
MISSING, NOT_MISSING = 0.6, 0.4  # share of readings from, and below, which a character after a digit is missing, or not
MAX_MOVE = 0.7  # of a digit between two readings, in its own size
COVERED = 0.5  # an unseen digit with another one this near is gone
MAX_SIZE_RATIO = 1.8  # of its longer side, between two readings
JITTER = 0.15  # moves below this share of its size are smoothed; larger ones are followed at once

Evidence = tuple[float, ...]  # 11 sums of log-probabilities, as in Digit.log_p


@dataclass(frozen=True, slots=True)
class Track:
    """One digit followed through the readings; weight is the number of independent readings in its evidence."""

    box: Box
    evidence: Evidence = (0.0,) * 11
    weight: float = 0.0
    unseen_s: float = 0.0
    shown: int | None = None
    gap_px: float = 0.0
    unread_px: float = 0.0  # of the last reading that had it
    unread_weight: float = 0.0  # as weight, of the readings that had it
    is_before_unread: bool = False
    velocity: tuple[float, float] = (0.0, 0.0)  # in pixels a second: right, down


class DigitTracker:
    """The tracks of one camera. Times are in seconds, of the frames' capture."""

    def __init__(self) -> None:
        self._tracks: tuple[Track, ...] = ()
        self._updated_at = -math.inf
        self._moved_at = -math.inf  # when the frame was captured that boxes were moved for

    def update(self, digits: Sequence[Digit], captured_at: float) -> tuple[Digit, ...]:
        """Add the reading of a frame; return the digits to show, the oldest track first."""
        elapsed_s = max(0.0, captured_at - self._updated_at)
        self._updated_at = captured_at
        moved_s = self._elapse(captured_at)
        pairs = match(self._tracks, digits)
        old = [
            add_reading(move(track, digits[pairs[i]].box, moved_s), digits[pairs[i]], elapsed_s)
            if i in pairs
            else add_miss(track, elapsed_s)
            for i, track in enumerate(self._tracks)
        ]
        matched = set(pairs.values())
        new = [add_reading(Track(one.box), one, elapsed_s) for j, one in enumerate(digits) if j not in matched]
        self._tracks = tuple(map(choose_shown, drop_gone([*old, *new])))
        return self.digits_at(captured_at)

    def follow(self, digits: Sequence[Digit], captured_at: float) -> tuple[Digit, ...]:
        """Move boxes to where the digits of a reading are in a later frame; return the digits to show.

        The frame was not read, so it is no evidence, and the next reading counts as if there had been none between.
        """
        pairs, moved_s = match(self._tracks, digits), self._elapse(captured_at)
        self._tracks = tuple(
            move(track, digits[pairs[i]].box, moved_s) if i in pairs else track for i, track in enumerate(self._tracks)
        )
        return self.digits_at(captured_at)

    def _elapse(self, captured_at: float) -> float:
        """Return the seconds since boxes were moved last, which is now."""
        elapsed_s, self._moved_at = max(0.0, captured_at - self._moved_at), captured_at
        return elapsed_s

    def refresh(self, captured_at: float) -> tuple[Digit, ...]:
        """Return the digits to show for a frame that has not changed since the last reading: nothing decays."""
        self._updated_at = captured_at
        return self.digits_at(captured_at)

    def digits_at(self, captured_at: float) -> tuple[Digit, ...]:
        """Return the digits to show for a frame that was not read: those seen less than MAX_UNSEEN_S before."""
        return tuple(to_digit(track) for track in self._shown_tracks(captured_at))

    def seen_at(self, captured_at: float) -> tuple[Digit, ...]:
        """Return those of digits_at() that the last reading contains: what moves fast leaves no shadow behind."""
        return tuple(to_digit(track) for track in self._shown_tracks(captured_at) if not track.unseen_s)

    def _shown_tracks(self, captured_at: float) -> list[Track]:
        since_s = max(0.0, captured_at - self._updated_at)
        return [track for track in self._tracks if track.shown is not None and is_near(track, since_s)]


def match(tracks: Sequence[Track], digits: Sequence[Digit]) -> dict[int, int]:
    """Pair tracks with digits, nearest first; return index of track -> index of digit."""
    distances = measure_distances([track.box for track in tracks], [digit.box for digit in digits])
    near = zip(*(found.tolist() for found in np.nonzero(distances <= MAX_MOVE)), strict=True)
    return pair_closest((distances.item(i, j), i, j) for i, j in near)


def measure_distances(some: Sequence[Box], others: Sequence[Box]) -> NDArray[np.float64]:
    """Return the distance of each box from each other box, len(some) x len(others).

    It is that of their centres in units of the longer side; infinite if their sizes differ much. A page of 300 digits
    has 90,000 pairs, which took 0.1 s one by one.
    """
    a, b = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (some, others))
    sides, other_sides = a[:, 2:].max(axis=1, initial=0), b[:, 2:].max(axis=1, initial=0)
    larger, smaller = np.maximum.outer(sides, other_sides), np.minimum.outer(sides, other_sides)
    across, down = (np.subtract.outer(a[:, k] + a[:, k + 2] / 2, b[:, k] + b[:, k + 2] / 2) for k in (0, 1))
    is_like = (larger <= MAX_SIZE_RATIO * smaller) & (larger > 0)
    distances = np.full(is_like.shape, np.inf)
    np.divide(np.hypot(across, down), larger, out=distances, where=is_like)
    return distances


def drop_gone(tracks: Sequence[Track]) -> list[Track]:
    """Return the tracks that go on: not those that are unseen too long, or have another digit in their place."""
    seen = [track.box for track in tracks if not track.unseen_s]
    if len(seen) == len(tracks):
        return list(tracks)
    distances = measure_distances([track.box for track in tracks], seen)
    covered = set(np.nonzero(distances <= COVERED)[0].tolist())
    return [
        track
        for i, track in enumerate(tracks)
        if not track.unseen_s or (track.unseen_s <= MAX_UNSEEN_S and i not in covered)
    ]


def is_near(track: Track, since_s: float) -> bool:
    """Return whether a digit is probably still about where it was, some time after the last reading.

    Without this, the digits of a sheet that is pulled away stay behind on the desk.
    """
    unseen_s = track.unseen_s + since_s
    stray_px = math.hypot(*track.velocity) * unseen_s if track.unseen_s else 0.0
    return unseen_s <= MAX_UNSEEN_S and stray_px <= MAX_STRAY * max(track.box[2:])


def move(track: Track, box: Box, elapsed_s: float) -> Track:
    """Return the track with its box moved towards another, some time after the last reading or followed frame."""
    smooth, elapsed_s = smooth_box(track.box, box), elapsed_s + track.unseen_s
    kept = math.exp(-elapsed_s / SPEED_OVER_S)
    speeds = [(new - old) / elapsed_s if elapsed_s else 0.0 for new, old in zip(smooth[:2], track.box[:2], strict=True)]
    right, down = (kept * before + (1 - kept) * now for before, now in zip(track.velocity, speeds, strict=True))
    return replace(track, box=smooth, velocity=(right, down))


def add_reading(track: Track, digit: Digit, elapsed_s: float) -> Track:
    """Return the track with a reading added to its evidence."""
    weight = 1 - math.exp(-elapsed_s / INDEPENDENT_S)
    decay = math.exp(-elapsed_s / DECAY_S)
    return replace(
        track,
        evidence=tuple(
            decay * sum_ + weight * max(log_p, MIN_LOG_P)
            for sum_, log_p in zip(track.evidence, digit.log_p, strict=True)
        ),
        weight=decay * track.weight + weight,
        unseen_s=0.0,
        gap_px=digit.gap_px,
        unread_px=digit.unread_px or track.unread_px,
        unread_weight=decay * track.unread_weight + weight * bool(digit.unread_px),
    )


def add_miss(track: Track, elapsed_s: float) -> Track:
    """Return the track after a reading that does not contain it: its evidence decays."""
    decay = math.exp(-elapsed_s / DECAY_S)
    evidence = tuple(decay * sum_ for sum_ in track.evidence)
    return replace(
        track,
        evidence=evidence,
        weight=decay * track.weight,
        unread_weight=decay * track.unread_weight,
        unseen_s=track.unseen_s + elapsed_s,
    )


def smooth_box(old: Box, new: Box) -> Box:
    """Return the box to show: small moves are averaged, large ones are followed without lag."""
    size = max(old[2], old[3], 1.0)
    follow = min(1.0, 0.25 + max(abs(b - a) for a, b in zip(old, new, strict=True)) / (JITTER * size))
    x, y, width, height = (a + follow * (b - a) for a, b in zip(old, new, strict=True))
    return x, y, width, height


def choose_shown(track: Track) -> Track:
    """Return the track with what it shows: a class, if any, and a "?" after it; what was shown has a head start."""
    log_p = log_normalise([sum_ + HEAD_START * (i == track.shown) for i, sum_ in enumerate(track.evidence)])
    best = max(range(10), key=log_p.__getitem__)
    threshold = HIDE if track.shown is not None else SHOW
    share = NOT_MISSING if track.is_before_unread else MISSING
    return replace(
        track,
        shown=best if math.exp(log_p[best]) >= threshold else None,
        is_before_unread=track.unread_weight > share * track.weight,
    )


def to_digit(track: Track) -> Digit:
    """Return the digit that a track shows.

    Its confidence is that of the average reading (a geometric mean of probabilities): frames of one sheet share its
    ink, so more of them make a digit steadier, not surer. Below a weight of one, the missing part is doubt.
    """
    average = [sum_ / max(track.weight, 1.0) for sum_ in track.evidence]
    if track.shown is not None:
        average[track.shown] = max(average[track.shown], max(average) + TIE)
    unread_px = track.unread_px if track.is_before_unread else 0.0
    return Digit(track.box, log_normalise(average), track.gap_px, unread_px)


def log_normalise(evidence: Sequence[float]) -> Evidence:
    """Return evidence as logarithms of probabilities that sum to 1."""
    highest = max(evidence)
    total = highest + math.log(sum(math.exp(value - highest) for value in evidence))
    return tuple(value - total for value in evidence)
