"""Sends a browser's frames to the queue as any camera does: the newest one when there is credit for it."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Protocol

from services.display.web.web_log import report_failure
from shared.cameras.options import CameraOptions
from shared.cameras.publisher import CapturedFrame, FramePublisher, StatePublisher
from shared.cameras.watchdog import CameraWatchdog, FrameGrabbed
from shared.messaging.messages import CameraReport
from shared.messaging.sockets import FrameLink
from shared.pipeline import CameraState


class QueueConnection(FrameLink, Protocol):
    """A connection to the queue that can be closed."""

    def close(self) -> None: ...


class FrameSlot:
    """Holds the one frame that waits; on_taken is called when it is taken."""

    def __init__(self, on_taken: Callable[[], None]) -> None:
        self.filled_at = 0.0  # when the last frame came, by time.monotonic(); 0 before the first
        self._on_taken = on_taken
        self._frame: CapturedFrame | None = None
        self._changed = threading.Condition()

    def put_frame(self, frame: CapturedFrame) -> None:
        """Replace the frame that waits. From any thread."""
        with self._changed:
            self._frame, self.filled_at = frame, time.monotonic()
            self._changed.notify()

    def wait_for_frame(self, timeout_s: float) -> bool:
        """Return whether a frame waits, as soon as there is one."""
        with self._changed:
            return self._changed.wait_for(lambda: self._frame is not None, timeout_s)

    def take_frame(self) -> CapturedFrame | None:
        """Return the frame that waits; None if there is none."""
        with self._changed:
            frame, self._frame = self._frame, None
        if frame:
            self._on_taken()
        return frame


class Uplink:
    """A thread with its own connection to the queue, for as long as a browser is a camera."""

    def __init__(
        self,
        connect: Callable[[], QueueConnection],
        name: str,
        options: CameraOptions,
        on_frame_sent: Callable[[], None],
        on_failed: Callable[[], None],
    ) -> None:
        self._slot = FrameSlot(on_frame_sent)
        self._on_failed, self._options = on_failed, options
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(connect, name), name=name, daemon=True)
        self._thread.start()

    def send(self, frame: CapturedFrame) -> None:
        """Send a frame as soon as there is credit; it replaces one that still waits."""
        self._slot.put_frame(frame)

    def close(self) -> None:
        """Stop the thread without waiting for it."""
        self._stop.set()

    def _run(self, connect: Callable[[], QueueConnection], name: str) -> None:
        try:
            self._send_frames(connect, name)
        except Exception:  # noqa: BLE001 - any: the browser would wait for ever
            report_failure("uplink")
            self._on_failed()

    def _send_frames(self, connect: Callable[[], QueueConnection], name: str) -> None:
        watchdog = CameraWatchdog(time.monotonic(), can_block=True, can_freeze=False)
        with closing(connect()) as queue:
            states = StatePublisher(queue, name, f"{name}: ")
            frames = FramePublisher(queue, name, every_frame=False, options=self._options)
            while not self._stop.is_set():
                if self._slot.filled_at:
                    watchdog.handle_event(FrameGrabbed(self._slot.filled_at, 0))
                now = time.monotonic()
                states.publish(watchdog.check_status(now), now, frames.ring_name)
                frames.send_next(self._slot)
            frames.close()
            queue.send(
                CameraReport(camera=name, state=CameraState.LEFT, detail="its browser has left", began_at=queue.now())
            )
