"""What every camera sends to the queue, a webcam as well as a browser: frames as credit allows, and its state."""

import logging
import math
import time
from dataclasses import dataclass, replace
from typing import Protocol

from shared.cameras.options import DEFAULT_OPTIONS, CameraOptions
from shared.cameras.watchdog import CameraStatus
from shared.messaging.frame_store import FrameRing, Ticket
from shared.messaging.messages import CameraReport, Credit, FilePosition, Frame, Message, Recorded
from shared.messaging.sockets import HEARTBEAT_S, FrameLink, QueueLink
from shared.pipeline import DropReason, Stage
from shared.telemetry import metrics
from shared.telemetry.spans import TRACE, Span
from shared.vision.gray_frame import LONG_SIDE_PX

WAIT_S = 0.1  # how late a change of state or a stop may be noticed
RING_CHECK_S = 0.5  # how often a ring is looked at, and a new one made if it must be


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A frame as the camera gave it, before it is sent."""

    jpeg: bytes
    captured_at: float  # time.monotonic()
    may_repeat: bool = False  # identical frames are then no sign of a fault
    position: FilePosition | None = None  # of a file that is read once


class FrameSource(Protocol):
    """Holds a camera's newest frame."""

    def wait_for_frame(self, timeout_s: float) -> bool:
        """Return whether there is a frame that was not taken yet, as soon as there is one."""

    def take_frame(self) -> CapturedFrame | None:
        """Return the newest frame that was not taken yet; None if there is none."""


class SentFrames(Protocol):
    """Keeps the frames of a file until a display has recorded them."""

    @property
    def is_full(self) -> bool:
        """Whether no new frame may be sent before an earlier one is recorded."""

    def note_sent(self, frame: CapturedFrame, now: float) -> None:
        """Keep a frame that was sent."""

    def find_overdue(self, now: float) -> CapturedFrame | None:
        """Return the frame that must be sent again next; None if there is none."""

    def record(self, message: Recorded) -> None:
        """Forget the frames that a display has recorded."""


class StatePublisher:
    """Logs each change of a camera's state, and sends the state to the queue on a change and as a heartbeat."""

    def __init__(self, queue: QueueLink, name: str, log_prefix: str = "") -> None:
        """log_prefix names the camera in the log of a process that is not named after it."""
        self._queue, self._name, self._log_prefix = queue, name, log_prefix
        self._published = ("", "", "")
        self._published_at = -HEARTBEAT_S

    def publish(self, status: CameraStatus, now: float, ring: str = "") -> None:
        """Send the status and the camera's ring if one is new or a heartbeat is due.

        If the queue is away, the next call tries again.
        """
        news = (status.state, status.detail, ring)
        changed = news != self._published
        if news[:2] != self._published[:2]:
            logging.info("%s%s: %s", self._log_prefix, status.state, status.detail)
        self._published = news
        if changed or now - self._published_at >= HEARTBEAT_S:
            began_at = status.began_at + self._queue.now() - now
            # rounded, or jitter between the clocks would make every heartbeat a change
            state = CameraReport(
                camera=self._name,
                state=status.state,
                detail=status.detail,
                began_at=round(began_at, 1),
                ring=ring,
            )
            self._published_at = now if self._queue.send(state) else -HEARTBEAT_S


class FramePublisher:
    """Sends as many frames as the queue lets it; until then they stay with their source.

    Their bytes go into the camera's ring in the queue's frame store if this process shares the queue's memory.
    """

    def __init__(
        self,
        queue: FrameLink,
        name: str,
        *,
        every_frame: bool,
        options: CameraOptions = DEFAULT_OPTIONS,
        long_side_px: int = LONG_SIDE_PX,
        unrecorded: SentFrames | None = None,
    ) -> None:
        """unrecorded: keeps the frames of a file that is read once."""
        self._queue, self._name, self._every_frame, self._options = queue, name, every_frame, options
        self._long_side_px = long_side_px
        self._seq = int(time.time() * 1e6)  # grows across restarts too
        self._granted = 0  # frames, by the last message; a ring holds the same as a number of a frame
        self._ring: FrameRing | None = None
        self._ring_checked_at = -math.inf
        self._received_at = -math.inf
        self._is_full = False  # the memory for frames
        self.last_sent_at = time.monotonic()
        self._unsent: CapturedFrame | None = None
        # looked up once: that takes longer than to count
        self._frames = metrics.FRAMES.labels(name, Stage.CAPTURE)
        self._ages = metrics.AGE.labels(name, Stage.CAPTURE)
        self._unrecorded = unrecorded

    @property
    def ring_name(self) -> str:
        """The camera's ring; empty if there is none."""
        return self._ring.name if self._ring else ""

    def send_next(self, source: FrameSource) -> None:
        """Send the next frame as soon as the queue lets it. Waits up to WAIT_S for a frame, and as long for leave."""
        now = time.monotonic()
        self._keep_ring(now)
        if self._unrecorded and not self._unsent and (overdue := self._unrecorded.find_overdue(now)):
            self._unsent = replace(overdue, captured_at=now)
        has_frame = self._unsent is not None or source.wait_for_frame(WAIT_S)
        messages = self._receive(may_wait=has_frame)
        while self._unrecorded and (more := self._queue.receive(0)):
            messages += more
        for message in messages:
            if isinstance(message, Credit):
                self._granted = message.frames
            elif isinstance(message, Recorded) and self._unrecorded:
                self._unrecorded.record(message)
        if has_frame and self._credit > 0 and (frame := self._unsent or source.take_frame()):
            self._send(frame)

    def close(self) -> None:
        """Leave the ring."""
        if self._ring:
            self._ring.close()
            self._ring = None

    @property
    def _credit(self) -> int:
        if self._unrecorded and self._unrecorded.is_full and not self._unsent:
            return 0
        if self._ring and self._ring.until_seq:
            return self._ring.until_seq - self._seq
        return self._granted

    def _receive(self, *, may_wait: bool) -> list[Message]:
        """Return messages; without credit, wait for one that brings it."""
        if not self._ring:
            return self._queue.receive(0 if not may_wait or self._credit > 0 else WAIT_S)
        if not may_wait or self._credit > 0:
            return self._receive_seldom(self._ring)
        self._ring.set_waiting(True)
        messages = self._queue.receive(0 if self._credit > 0 else WAIT_S)  # it may have come just before
        self._ring.set_waiting(False)
        return messages

    def _receive_seldom(self, ring: FrameRing) -> list[Message]:
        """Receive at once only what is needed at once: a queue that uses the ring sends no credit."""
        now = time.monotonic()
        if ring.until_seq and not self._unrecorded and now - self._received_at < WAIT_S:
            return []
        self._received_at = now
        return self._queue.receive(0)

    def _keep_ring(self, now: float) -> None:
        """Have a ring in the queue's present store, and a new one if a slot of it was lost."""
        if now - self._ring_checked_at < RING_CHECK_S:
            return
        self._ring_checked_at = now
        store = self._queue.store.name
        if self._ring and store and self._ring.name.startswith(store) and not self._ring.is_stuck(now):
            return
        self.close()
        if store:
            try:
                self._ring = FrameRing(store, self._long_side_px, self._seq)
            except FileNotFoundError:
                pass  # the queue has ended
            except OSError as error:
                self._warn_full(error)

    def _send(self, captured: CapturedFrame) -> None:
        age_s = time.monotonic() - captured.captured_at
        ticket = self._put_jpeg(captured.jpeg)
        frame = Frame(
            camera=self._name,
            seq=self._seq,
            captured_at=self._queue.now() - age_s,
            every_frame=self._every_frame,
            jpeg=b"" if ticket else captured.jpeg,
            ticket=ticket,
            weight=self._options.weight,
            max_age_s=self._options.max_age_s,
            bare_ones=self._options.bare_ones,
            position=captured.position,
        )
        if self._queue.send(frame):
            self._seq, self._granted, self._unsent = self._seq + 1, self._granted - 1, None
            if self._ring:
                self._ring.set_next_seq(self._seq)
            self.last_sent_at = time.monotonic()
            if self._unrecorded:
                self._unrecorded.note_sent(captured, self.last_sent_at)
            self._frames.inc()
            self._ages.observe(age_s)
            if TRACE.is_on:
                TRACE.add(Span(Stage.CAPTURE, self._name, frame.seq, frame.captured_at, self._queue.now()))
            return
        self._granted = 0  # the queue is gone; when it is back it lets this camera send again, with a ring in its store
        self.close()
        if self._every_frame:
            self._unsent = captured
        else:
            metrics.DROPS.labels(self._name, Stage.CAPTURE, DropReason.NO_QUEUE).inc()

    def _put_jpeg(self, jpeg: bytes) -> Ticket | None:
        """Put a JPEG into the ring; None if it must go inside the message."""
        if not self._ring or not self._ring.until_seq:
            return None
        try:
            return self._ring.put_jpeg(jpeg)
        except OSError as error:
            self._warn_full(error)
            return None

    def _warn_full(self, error: OSError) -> None:
        if not self._is_full:
            self._is_full = True
            logging.warning("frames of %s go inside messages, which takes more of the processor: %s", self._name, error)
