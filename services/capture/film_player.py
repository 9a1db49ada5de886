"""Plays a film or the demo camera in the thread that sends: a frame is made when it is asked for.

The thread that a device needs (grabber.py) wakes up for each frame, also for one that nobody asks for.
"""

import time
from collections.abc import Callable

from services.capture.frames import FrameStream, Schedule, TickSchedule
from services.capture.grabber import FIRST_DELAY_S, HEALTHY_AFTER_S, LAST_DELAY_S
from shared.cameras.problems import CameraAbsentError
from shared.cameras.publisher import CapturedFrame
from shared.cameras.watchdog import FrameGrabbed, SourceEvent, SourceLost, SourceOpening
from shared.service.backoff import retry_delay


class FilmPlayer:
    """A film that is kept open, as FrameGrabber keeps a camera open; on_replaced(n) counts frames that were not taken.

    Its first frame is read at once, so that a broken film is noticed before the queue asks for one.
    """

    keep_all = has_crashed = False

    def __init__(
        self,
        open_film: Callable[[Schedule], FrameStream],
        *,
        on_replaced: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._open_film, self._on_replaced, self._clock, self._sleep = open_film, on_replaced, clock, sleep
        self._events: list[SourceEvent] = []
        self._film: FrameStream | None = None
        self._first: CapturedFrame | None = None
        self._schedule = TickSchedule(clock, sleep)
        self._opened_at = self._reopen_at = clock()
        self._failures = 0
        self._is_reopening = False

    def wait_for_frame(self, timeout_s: float) -> bool:
        """Return whether a frame is due that was not taken yet, as soon as one is."""
        if self._film is None:
            if self._wait_until(self._reopen_at, timeout_s):
                self._open()
            return self._first is not None
        return self._first is not None or self._wait_until(self._schedule.due_at, timeout_s)

    def take_frame(self) -> CapturedFrame | None:
        """Return the newest frame that is due; None if the film is lost."""
        if self._film is None:
            return None
        frame, self._first = self._first, None
        if frame and self._clock() < self._schedule.due_at:
            return frame
        replaced = 1 if frame else 0
        frame = self._read_frame(self._film)
        if skipped := replaced + self._schedule.skipped:
            self._on_replaced(skipped)
            self._schedule.skipped = 0
        return frame

    def drain_events(self) -> list[SourceEvent]:
        """Return the film's events since the last call, in order; of its frames only the first after each opening."""
        events, self._events = self._events, []
        return events

    def request_reopen(self) -> None:
        """Close the film; it is opened again when it is asked for a frame."""
        self.close()

    def close(self, _timeout_s: float = 0.0) -> bool:
        """Close the film, which takes no time."""
        if self._film:
            self._film.close()
        self._film = self._first = None
        return True

    def _wait_until(self, at: float, timeout_s: float) -> bool:
        """Return whether a time has come, as soon as it has."""
        delay_s = at - self._clock()
        if delay_s > 0:
            self._sleep(min(delay_s, timeout_s))
        return delay_s <= timeout_s

    def _open(self) -> None:
        now = self._clock()
        if self._is_reopening:
            self._events.append(SourceOpening(now))
        self._is_reopening = True
        self._opened_at, self._schedule = now, TickSchedule(self._clock, self._sleep)
        self._film = self._open_film(self._schedule)
        self._first = self._read_frame(self._film)
        if self._first:
            self._events.append(FrameGrabbed(self._clock(), None))

    def _read_frame(self, film: FrameStream) -> CapturedFrame | None:
        try:
            return next(film)
        except CameraAbsentError as error:
            now = self._clock()
            self._events.append(SourceLost(now, str(error)))
            self._failures = 0 if now - self._opened_at > HEALTHY_AFTER_S else self._failures + 1
            self._reopen_at = now + retry_delay(self._failures, FIRST_DELAY_S, LAST_DELAY_S)
            self.close()
            return None
