"""Reads a camera in a thread of its own, since a driver's read() may block for ever, and opens it again for ever."""

import threading
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from queue import Empty, SimpleQueue

from shared.cameras.shot import AbsentError, Shot, Shots
from shared.cameras.watchdog import PictureTaken, SourceEvent, SourceFinished, SourceLost, SourceOpening
from shared.service.backoff import retry_delay

FIRST_DELAY_S = 0.25
LAST_DELAY_S = 1.0  # and a second to open and for the first picture: readings are back within 3 s of a camera's return
HEALTHY_AFTER_S = 10.0  # what gave pictures this long is opened again after the first delay


class FrameGrabber:
    """A camera that is kept open. A thread puts its newest shot where take() finds it.

    Live, a shot replaces one that was not taken, and replaced() is called; with keep_all the camera waits instead, and
    is finished when it ends.
    """

    def __init__(self, open_source: Callable[[], Shots], keep_all: bool, replaced: Callable[[], None]) -> None:
        self.keep_all = keep_all
        self._open, self._replaced = open_source, replaced
        self._events: SimpleQueue[SourceEvent] = SimpleQueue()
        self._shot: Shot | None = None
        self._changed = threading.Condition()
        self._stop, self._reopen = threading.Event(), threading.Event()
        self._returned = False
        self._thread = threading.Thread(target=self._keep_reading, name="camera", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> Shot | None:
        """Return the newest shot that was not taken yet, as soon as there is one; None after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._shot, timeout_s)
            shot, self._shot = self._shot, None
            self._changed.notify()
            return shot

    def events(self) -> list[SourceEvent]:
        """Return what the camera did since the last call, in order."""
        events = []
        try:
            while True:
                events.append(self._events.get_nowait())
        except Empty:
            return events

    def reopen(self) -> None:
        """Have the camera closed and opened again after its next picture."""
        self._reopen.set()

    @property
    def is_broken(self) -> bool:
        """Whether a bug ended the thread; its traceback is in the log."""
        return not self._returned and not self._thread.is_alive()

    def close(self, timeout_s: float) -> bool:
        """Close the camera; False where its driver does not let go."""
        self._stop.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _keep_reading(self) -> None:
        failures = 0
        while True:
            opened_at = time.monotonic()
            end = self._read_until_it_ends()
            if end:
                self._events.put(end)
            failures = 0 if time.monotonic() - opened_at > HEALTHY_AFTER_S else failures + 1
            if isinstance(end, SourceFinished) or self._stop.wait(retry_delay(failures, FIRST_DELAY_S, LAST_DELAY_S)):
                self._returned = True
                return
            self._reopen.clear()
            self._events.put(SourceOpening(time.monotonic()))

    def _read_until_it_ends(self) -> SourceEvent | None:
        """Open the camera and read it; how it ended, or None where this end was asked for."""
        try:
            with closing(self._open()) as shots:
                for shot in shots:
                    self._events.put(PictureTaken(time.monotonic(), zlib.crc32(shot.jpeg)))
                    self._put(shot)
                    if self._stop.is_set() or self._reopen.is_set():
                        return None
        except AbsentError as error:
            return SourceLost(time.monotonic(), str(error))
        return (
            SourceFinished(time.monotonic())
            if self.keep_all
            else SourceLost(time.monotonic(), "it gives no more pictures")
        )

    def _put(self, shot: Shot) -> None:
        with self._changed:
            if self.keep_all:
                self._changed.wait_for(lambda: self._shot is None or self._stop.is_set())
            elif self._shot:
                self._replaced()
            self._shot = shot
            self._changed.notify()
