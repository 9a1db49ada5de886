"""The state of each camera on the screen: newest picture, smoothed digits, the numbers they form, and frame rates."""

import math
from collections import deque
from dataclasses import dataclass

from shared.messaging.messages import FilePosition, View
from shared.pipeline import Outcome
from shared.vision.digit import Digit, Number
from shared.vision.numbers import join_numbers
from shared.vision.tracks import DigitTracker

Evidence = tuple[tuple[float, ...], ...]  # log_p of each digit of a reading

SET_BACK_S = 2.0  # a frame this much older than the last one is not late: the clock was set back
COUNTED = 4  # readings that followed frames may still repeat: some are overtaken by newer ones
RATE_OVER_S = 2.0  # rates are averaged over two seconds: calm to look at, and quick to fall


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayFrame:
    """One frame to show; boxes in pixels of its picture, rates in frames a second."""

    camera: str
    seq: int
    captured_at: float
    outcome: str
    width: int
    height: int
    digits: tuple[Digit, ...]
    numbers: tuple[Number, ...]
    seen: tuple[Number, ...]  # the numbers of the digits in the last reading alone, without those it has lost
    fps: float
    readings_per_s: float
    followed_per_s: float
    jpeg: bytes
    position: FilePosition | None = None  # of a file that is read once


class CameraDisplay:
    """Turns the views of one camera into frames to show."""

    def __init__(self) -> None:
        self._tracker = DigitTracker()
        self._frame_rate, self._reading_rate, self._followed_rate = RateMeter(), RateMeter(), RateMeter()
        self._size_px = (0, 0)  # of the last picture that was read; the view of a dropped frame has no size
        self._digits: tuple[Digit, ...] | None = None  # of the last reading
        self._counted: deque[Evidence] = deque(maxlen=COUNTED)  # of the last readings
        self._read_at = -math.inf  # when its frame was captured
        self._shown_at = -math.inf

    def update(self, view: View) -> DisplayFrame | None:
        """Return the frame to show for a view; None if it is late.

        Under load frames end out of order: one is replaced while an older one is still being read. The reading of the
        late frame counts unless a newer one was read, but its picture is not shown after a newer picture.
        """
        if not 0 < self._shown_at - view.captured_at < SET_BACK_S:
            return self.make_frame(view)
        self._count(view)
        if view.outcome == Outcome.READ:
            self._track(view)
        return None

    def make_frame(self, view: View) -> DisplayFrame:
        """Return the frame to show for a view; a dropped frame is shown with the digits tracked so far."""
        self._count(view)
        self._shown_at = view.captured_at
        digits = self._track(view) if view.outcome.has_digits else self._tracker.digits_at(view.captured_at)
        seen, numbers = self._tracker.seen_at(view.captured_at), join_numbers(digits)
        return DisplayFrame(
            camera=view.camera,
            seq=view.seq,
            captured_at=view.captured_at,
            outcome=view.outcome,
            width=self._size_px[0],
            height=self._size_px[1],
            digits=digits,
            numbers=numbers,
            seen=numbers if seen == digits else join_numbers(seen),
            fps=self._frame_rate.per_second(view.captured_at),
            readings_per_s=self._reading_rate.per_second(view.captured_at),
            followed_per_s=self._followed_rate.per_second(view.captured_at),
            jpeg=view.jpeg,
            position=view.position,
        )

    def _count(self, view: View) -> None:
        """Count the frame of a view, and those before it that were passed over."""
        passed = view.passed_over
        has_reading, is_followed = view.outcome.has_reading, view.outcome is Outcome.FOLLOWED
        self._frame_rate.add(view.captured_at, 1 + passed.frames)
        self._reading_rate.add(view.captured_at, has_reading + passed.read)
        self._followed_rate.add(view.captured_at, is_followed + passed.followed)

    def _track(self, view: View) -> tuple[Digit, ...]:
        """Return the tracked digits after a view with digits.

        Each reading counts once, though the views of unchanged and followed frames repeat it. A viewer may not have
        been sent the frame that was read: then the first view that repeats its reading counts.
        """
        if 0 < self._read_at - view.captured_at < SET_BACK_S:  # too late: the tracker's time must not go backwards
            return self._tracker.digits_at(view.captured_at)
        evidence = tuple(digit.log_p for digit in view.digits)
        if view.outcome is Outcome.FOLLOWED and evidence in self._counted:
            return self._tracker.follow(view.digits, view.captured_at)
        self._counted.append(evidence)
        self._size_px, self._read_at = (view.width, view.height), view.captured_at
        if view.outcome is Outcome.UNCHANGED and view.digits == self._digits:
            return self._tracker.refresh(view.captured_at)
        self._digits = view.digits
        return self._tracker.update(view.digits, view.captured_at)


class RateMeter:
    """Measures how often something happened in the last RATE_OVER_S seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque(maxlen=1000)  # a time, and how often since the one before
        self._total = 0  # of all but the first

    def add(self, at: float, count: int = 1) -> None:
        """Count occurrences up to a time in seconds."""
        if not count:
            return
        last = self._counts[-1][0] if self._counts else at
        if at <= last - SET_BACK_S:
            self._counts.clear()
            self._total, last = 0, at
        if self._counts:
            self._total += count
        if len(self._counts) == self._counts.maxlen:
            self._drop_first()
        self._counts.append((max(at, last), count))  # a late one counts as if it were on time

    def _drop_first(self) -> None:
        self._counts.popleft()
        self._total -= self._counts[0][1] if self._counts else 0

    def per_second(self, now: float) -> float:
        """Return the rate; 0 until there were two occurrences."""
        while self._counts and self._counts[0][0] < now - RATE_OVER_S:
            self._drop_first()
        span_s = now - self._counts[0][0] if self._counts else 0.0
        return self._total / span_s if span_s > 0 else 0.0
