"""What every camera sends to the queue, a webcam as well as a browser: frames as credit allows, and its state."""

import logging
import time
from dataclasses import dataclass
from typing import Protocol

from shared.cameras.options import DEFAULT_OPTIONS, CameraOptions
from shared.cameras.watchdog import CameraStatus
from shared.messaging.messages import CameraReport, Credit, Frame
from shared.messaging.sockets import HEARTBEAT_S, QueueLink
from shared.pipeline import DropReason, Stage
from shared.telemetry import metrics
from shared.telemetry.spans import TRACE, Span

WAIT_S = 0.1  # how late a change of state or a stop may be noticed


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A frame as the camera gave it, before it is sent."""

    jpeg: bytes
    captured_at: float  # time.monotonic()
    may_repeat: bool = False  # identical frames are then no sign of a fault


class FrameSource(Protocol):
    """Holds a camera's newest frame."""

    def take_frame(self, timeout_s: float) -> CapturedFrame | None:
        """Return the newest frame that was not taken yet, as soon as there is one; None after the timeout."""


class StatePublisher:
    """Logs each change of a camera's state, and sends the state to the queue on a change and as a heartbeat."""

    def __init__(self, queue: QueueLink, name: str, log_prefix: str = "") -> None:
        """log_prefix names the camera in the log of a process that is not named after it."""
        self._queue, self._name, self._log_prefix = queue, name, log_prefix
        self._published = ("", "")
        self._published_at = -HEARTBEAT_S

    def publish(self, status: CameraStatus, now: float) -> None:
        """Send the status if it is new or a heartbeat is due. If the queue is away, the next call tries again."""
        news = (status.state, status.detail)
        changed = news != self._published
        if changed:
            self._published = news
            logging.info("%s%s: %s", self._log_prefix, status.state, status.detail)
        if changed or now - self._published_at >= HEARTBEAT_S:
            began_at = status.began_at + self._queue.now() - now
            # rounded, or jitter between the clocks would make every heartbeat a change
            state = CameraReport(
                camera=self._name, state=status.state, detail=status.detail, began_at=round(began_at, 1)
            )
            self._published_at = now if self._queue.send(state) else -HEARTBEAT_S


class FramePublisher:
    """Sends as many frames as the queue gave credit for; without credit they stay with their source."""

    def __init__(
        self, queue: QueueLink, name: str, *, every_frame: bool, options: CameraOptions = DEFAULT_OPTIONS
    ) -> None:
        self._queue, self._name, self._every_frame, self._options = queue, name, every_frame, options
        self._seq = int(time.time() * 1e6)  # grows across restarts too
        self._credit = 0
        self.last_sent_at = time.monotonic()
        self._unsent: CapturedFrame | None = None

    def send_next(self, source: FrameSource) -> None:
        """Send the next frame if there is credit, and receive credit. Waits up to WAIT_S for either."""
        if self._credit and (frame := self._unsent or source.take_frame(WAIT_S)):
            self._send(frame)
        for message in self._queue.receive(0 if self._credit else WAIT_S):
            if isinstance(message, Credit):
                self._credit = message.frames

    def _send(self, captured: CapturedFrame) -> None:
        age_s = time.monotonic() - captured.captured_at
        frame = Frame(
            camera=self._name,
            seq=self._seq,
            captured_at=self._queue.now() - age_s,
            every_frame=self._every_frame,
            jpeg=captured.jpeg,
            weight=self._options.weight,
            max_age_s=self._options.max_age_s,
        )
        if self._queue.send(frame):
            self._seq, self._credit, self._unsent = self._seq + 1, self._credit - 1, None
            self.last_sent_at = time.monotonic()
            metrics.FRAMES.labels(self._name, Stage.CAPTURE).inc()
            metrics.AGE.labels(self._name, Stage.CAPTURE).observe(age_s)
            if TRACE.is_on:
                TRACE.add(Span(Stage.CAPTURE, self._name, frame.seq, frame.captured_at, self._queue.now()))
            return
        self._credit = 0  # the queue is gone; it grants credit again when it is back
        if self._every_frame:
            self._unsent = captured
        else:
            metrics.DROPS.labels(self._name, Stage.CAPTURE, DropReason.NO_QUEUE).inc()
