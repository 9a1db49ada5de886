"""What a camera says to the queue: its frames, as many as are wanted, and how it is."""

import logging
import time
from typing import Protocol

from shared.cameras.options import USUAL, CameraOptions
from shared.cameras.shot import Shot
from shared.cameras.watchdog import CameraStatus
from shared.messaging.messages import CameraState, Credit, Frame
from shared.service.stage_loop import QueueLink
from shared.telemetry import metrics
from shared.telemetry.spans import TRACE, Span

HEARTBEAT_S = 0.5
WAIT_S = 0.1  # how late a change of state or a stop may be noticed


class Source(Protocol):
    """Where shots come from."""

    def take(self, timeout_s: float) -> Shot | None:
        """Return the newest shot that was not taken yet, as soon as there is one; None after the timeout."""


class StatePublisher:
    """Says how a camera is and why: to the log on a change, to the queue also as this process's heartbeat."""

    def __init__(self, queue: QueueLink, name: str, logs_as: str = "") -> None:
        """logs_as stands before what is logged, in a process that is not named after this camera."""
        self._queue, self._name, self._logs_as = queue, name, logs_as
        self._told = ("", "")
        self._told_at = -HEARTBEAT_S

    def tell(self, judgement: CameraStatus, now: float) -> None:
        """Pass a judgement on where it is new or a heartbeat is due; again soon where the queue is not there."""
        news = (judgement.state, judgement.detail)
        changed = news != self._told
        if changed:
            self._told = news
            logging.info("%s%s: %s", self._logs_as, judgement.state, judgement.detail)
        if changed or now - self._told_at >= HEARTBEAT_S:
            since = judgement.since + self._queue.now() - now
            # rounded, or the clocks' last digits would make every heartbeat a change
            told = CameraState(self._name, judgement.state, judgement.detail, round(since, 1))
            self._told_at = now if self._queue.send(told) else -HEARTBEAT_S


class FramePublisher:
    """Shots on their way to the queue, as many as it gave credit for; without credit they stay with their source."""

    def __init__(self, queue: QueueLink, name: str, every_frame: bool, terms: CameraOptions = USUAL) -> None:
        self._queue, self._name, self._every_frame, self._terms = queue, name, every_frame, terms
        self._seq = int(time.time() * 1e6)  # grows across restarts too
        self._credit = 0
        self.sent_at = time.monotonic()  # the last frame
        self._unsent: Shot | None = None

    def turn(self, source: Source) -> None:
        """Wait a little: for a shot where there is credit to send it, else for credit."""
        if self._credit and (shot := self._unsent or source.take(WAIT_S)):
            self._send(shot)
        for message in self._queue.receive(0 if self._credit else WAIT_S):
            if isinstance(message, Credit):
                self._credit = message.frames

    def _send(self, shot: Shot) -> None:
        age_s = time.monotonic() - shot.taken_at
        captured_at, terms = self._queue.now() - age_s, self._terms
        about = (self._name, self._seq, captured_at, self._every_frame, shot.jpeg)
        frame = Frame(*about, weight=terms.weight, max_age_s=terms.max_age_s)
        if self._queue.send(frame):
            self._seq, self._credit, self._unsent = self._seq + 1, self._credit - 1, None
            self.sent_at = time.monotonic()
            metrics.FRAMES.labels(self._name, "capture").inc()
            if TRACE.is_on:
                TRACE.add(Span("capture", self._name, frame.seq, frame.captured_at, self._queue.now()))
            metrics.AGE.labels(self._name, "capture").observe(age_s)
            return
        self._credit = 0  # the queue is gone; it will give credit when it is back
        if self._every_frame:
            self._unsent = shot
        else:
            metrics.DROPS.labels(self._name, "capture", "no queue").inc()
