"""What is shown of a camera: its newest picture, the steady digits, the numbers they form, and how fast it goes."""

import math
from collections import deque
from dataclasses import dataclass

from shared.messaging.messages import ANSWERED, View
from shared.vision.digit import Digit, Number
from shared.vision.numbers import join_numbers
from shared.vision.tracks import DigitTracker

SET_BACK_S = 2.0  # a frame so much older than one before is no straggler: the clock was set back
RATE_OVER_S = 2.0  # rates are taken over the last two seconds: steady to look at, quick to fall


@dataclass(frozen=True, slots=True)
class DisplayFrame:
    """One frame as it is shown; boxes in pixels of its picture, rates in frames a second."""

    camera: str
    seq: int
    captured_at: float
    outcome: str
    width: int
    height: int
    digits: tuple[Digit, ...]
    numbers: tuple[Number, ...]
    fps: float
    reads_per_s: float
    jpeg: bytes


class CameraDisplay:
    """Turns the views of one camera into what is shown of it."""

    def __init__(self) -> None:
        self._steady = DigitTracker()
        self._frames, self._reads = RateMeter(), RateMeter()
        self._size = (0, 0)  # of the last picture that was read; a dropped frame does not know its own
        self._read: tuple[Digit, ...] | None = None  # the last reading
        self._read_at = -math.inf  # when its frame was captured
        self._shown_at = -math.inf

    def look(self, view: View, every_s: float = 0.0) -> DisplayFrame | None:
        """Take in how a frame ended; what is shown of it, unless the one shown before is nearer than every_s.

        Under load frames end out of order: one is replaced while an older one is still read. What that one says
        counts, unless a newer one has been read; but its picture is not shown after a newer one.
        """
        behind_s = self._shown_at - view.captured_at
        if 0 < behind_s < SET_BACK_S:
            self._count(view)
            if view.outcome == "read":
                self._take(view)
            return None
        if -behind_s >= every_s or behind_s >= SET_BACK_S:
            return self.show(view)
        self._count(view)
        return None

    def _count(self, view: View) -> None:
        self._frames.count(view.captured_at)
        if view.outcome in ANSWERED:
            self._reads.count(view.captured_at)

    def show(self, view: View) -> DisplayFrame:
        """Take in how a frame ended. A frame that was dropped is shown with the steady digits of those before."""
        self._count(view)
        self._shown_at = view.captured_at
        digits = self._take(view) if view.outcome in ANSWERED else self._steady.held(view.captured_at)
        rates = (self._frames.rate(view.captured_at), self._reads.rate(view.captured_at))
        about = (view.camera, view.seq, view.captured_at, view.outcome)
        return DisplayFrame(*about, *self._size, digits, join_numbers(digits), *rates, view.jpeg)

    def _take(self, view: View) -> tuple[Digit, ...]:
        """Let a reading count, once: that of an unchanged page has most often been taken in already."""
        if 0 < self._read_at - view.captured_at < SET_BACK_S:  # too late: it would set the clock of the evidence back
            return self._steady.held(view.captured_at)
        self._size, self._read_at = (view.width, view.height), view.captured_at
        if view.outcome == "unchanged" and view.digits == self._read:
            return self._steady.stay(view.captured_at)
        self._read = view.digits
        return self._steady.update(view.digits, view.captured_at)


class RateMeter:
    """How often something happened lately."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=1000)

    def count(self, at: float) -> None:
        """Note that it happened, in seconds."""
        last = self._times[-1] if self._times else at
        if at <= last - SET_BACK_S:
            self._times.clear()
            last = at
        self._times.append(max(at, last))  # a straggler counts as if it had come in time

    def rate(self, now: float) -> float:
        """Times a second, over RATE_OVER_S at most; 0 until it has happened twice."""
        while self._times and self._times[0] < now - RATE_OVER_S:
            self._times.popleft()
        span_s = now - self._times[0] if self._times else 0.0
        return (len(self._times) - 1) / span_s if span_s > 0 else 0.0
