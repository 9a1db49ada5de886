"""Grabs frames in a thread, because a driver's read() may block forever, and keeps reopening the camera."""

import threading
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from queue import Empty, SimpleQueue

from services.capture.frames import FrameStream
from shared.cameras.problems import SENTENCES, CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.cameras.watchdog import FrameGrabbed, SourceEvent, SourceFinished, SourceLost, SourceOpening
from shared.service.backoff import retry_delay

FIRST_DELAY_S = 0.25
LAST_DELAY_S = 1.0  # plus 1 s to open and for the first frame: readings resume within 3 s of a camera's return
CHECK_EVERY_S = 1.0  # whether a file that has ended must be read again
HEALTHY_AFTER_S = 10.0  # a camera that gave frames for this long is reopened after the first delay


class FrameGrabber:
    """A camera that is kept open by a thread, which holds its newest frame for take_frame().

    Live, a new frame replaces one that was not taken, and on_replaced() is called. With keep_all the camera waits
    instead. When its stream ends, it is opened again once has_changed().
    """

    def __init__(
        self,
        open_source: Callable[[], FrameStream],
        *,
        keep_all: bool,
        on_replaced: Callable[[], None],
        has_changed: Callable[[], bool] = lambda: False,
    ) -> None:
        self.keep_all = keep_all
        self._open_source, self._on_replaced, self._has_changed = open_source, on_replaced, has_changed
        self._events: SimpleQueue[SourceEvent] = SimpleQueue()
        self._frame: CapturedFrame | None = None
        self._frame_changed = threading.Condition()
        self._stop, self._reopen = threading.Event(), threading.Event()
        self._has_returned = False
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def wait_for_frame(self, timeout_s: float) -> bool:
        """Return whether there is a frame that was not taken yet, as soon as there is one."""
        with self._frame_changed:
            return self._frame_changed.wait_for(lambda: self._frame is not None, timeout_s)

    def take_frame(self, timeout_s: float = 0.0) -> CapturedFrame | None:
        """Return the newest frame that was not taken yet, as soon as there is one; None after the timeout."""
        with self._frame_changed:
            self._frame_changed.wait_for(lambda: self._frame, timeout_s)
            frame, self._frame = self._frame, None
            self._frame_changed.notify()
            return frame

    def drain_events(self) -> list[SourceEvent]:
        """Return the camera's events since the last call, in order."""
        events = []
        try:
            while True:
                events.append(self._events.get_nowait())
        except Empty:
            return events

    def request_reopen(self) -> None:
        """Close and reopen the camera after its next frame."""
        self._reopen.set()

    @property
    def has_crashed(self) -> bool:
        """Whether a bug ended the thread; its traceback is in the log."""
        return not self._has_returned and not self._thread.is_alive()

    def close(self, timeout_s: float) -> bool:
        """Close the camera; return False if its driver does not return in time."""
        self._stop.set()
        with self._frame_changed:
            self._frame_changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while True:
            opened_at = time.monotonic()
            ending = self._grab_until_end()
            if ending:
                self._events.put(ending)
            failures = 0 if time.monotonic() - opened_at > HEALTHY_AFTER_S else failures + 1
            if isinstance(ending, SourceFinished):
                failures = 0
                while not self._stop.wait(CHECK_EVERY_S) and not self._has_changed():
                    pass
            elif not self._stop.is_set():
                self._stop.wait(retry_delay(failures, FIRST_DELAY_S, LAST_DELAY_S))
            if self._stop.is_set():
                self._has_returned = True
                return
            self._reopen.clear()
            self._events.put(SourceOpening(time.monotonic()))

    def _grab_until_end(self) -> SourceEvent | None:
        """Open the camera and grab frames; return how the stream ended, or None if this process ended it."""
        try:
            with closing(self._open_source()) as frames:
                for frame in frames:
                    self._events.put(
                        FrameGrabbed(time.monotonic(), None if frame.may_repeat else zlib.crc32(frame.jpeg))
                    )
                    self._store_frame(frame)
                    if self._stop.is_set() or self._reopen.is_set():
                        return None
        except CameraAbsentError as error:
            return SourceLost(time.monotonic(), str(error))
        now = time.monotonic()
        return SourceFinished(now) if self.keep_all else SourceLost(now, SENTENCES[CameraProblem.ENDED])

    def _store_frame(self, frame: CapturedFrame) -> None:
        with self._frame_changed:
            if self.keep_all:
                self._frame_changed.wait_for(lambda: self._frame is None or self._stop.is_set())
            elif self._frame:
                self._on_replaced()
            self._frame = frame
            self._frame_changed.notify()
