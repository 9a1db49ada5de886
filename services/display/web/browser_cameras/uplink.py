"""A browser's pictures on their way to the queue, as those of any camera: the newest when there is credit for it."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Protocol

from shared.cameras.publisher import CapturedFrame, FramePublisher, StatePublisher
from shared.cameras.watchdog import CameraWatchdog, FrameGrabbed
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.service.stage_loop import QueueLink


class QueueConnection(QueueLink, Protocol):
    """A connection to the queue that can be closed."""

    def close(self) -> None:
        """Disconnect."""


class PictureSlot:
    """The one picture that waits; its browser may send the next when it was taken."""

    def __init__(self, taken: Callable[[], None]) -> None:
        self.put_at = 0.0  # the last one, by time.monotonic()
        self._taken = taken
        self._shot: CapturedFrame | None = None
        self._changed = threading.Condition()

    def put(self, shot: CapturedFrame) -> None:
        """Let a picture wait; from any thread."""
        with self._changed:
            self._shot, self.put_at = shot, time.monotonic()
            self._changed.notify()

    def take_frame(self, timeout_s: float) -> CapturedFrame | None:
        """Return the picture that waits, as soon as there is one; None after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._shot, timeout_s)
            shot, self._shot = self._shot, None
        if shot:
            self._taken()
        return shot


class Uplink:
    """A thread with a connection of its own, for as long as a browser is a camera."""

    def __init__(self, connect: Callable[[], QueueConnection], name: str, taken: Callable[[], None]) -> None:
        self.inbox = PictureSlot(taken)
        self._stop = threading.Event()
        self._watch = CameraWatchdog(time.monotonic(), can_block=True, can_freeze=False)
        self._thread = threading.Thread(target=self._serve, args=(connect, name), name=name, daemon=True)
        self._thread.start()

    def send(self, shot: CapturedFrame) -> None:
        """Pass a picture on when the queue takes it."""
        self.inbox.put(shot)

    def close(self) -> None:
        """End soon; does not wait."""
        self._stop.set()

    def _serve(self, connect: Callable[[], QueueConnection], name: str) -> None:
        with closing(connect()) as queue:
            states, frames = StatePublisher(queue, name, f"{name}: "), FramePublisher(queue, name, every_frame=False)
            while not self._stop.is_set():
                if self.inbox.put_at:
                    self._watch.handle_event(FrameGrabbed(self.inbox.put_at, 0))
                now = time.monotonic()
                states.publish(self._watch.check_status(now), now)
                frames.send_next(self.inbox)
            queue.send(
                CameraReport(camera=name, state=CameraState.LEFT, detail="its browser has left", began_at=queue.now())
            )
