"""A camera's frames go into its ring as far as the queue lets it, and into messages where there is no ring."""

import errno
import os
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.cameras.options import CameraOptions
from shared.cameras.publisher import RING_CHECK_S, CapturedFrame, FramePublisher
from shared.messaging import shared_memory
from shared.messaging.frame_store import JPEG_BYTES, SLOTS, STUCK_S, FrameStore, QueueStore, make_store
from shared.messaging.messages import Credit, FilePosition, Frame, Message, Recorded


@dataclass
class OneQueue:
    """A queue that takes every frame, and lets the camera send as a test sets."""

    store: FrameStore = field(default_factory=FrameStore)
    sent: list[Frame] = field(default_factory=list)
    inbox: deque[Message] = field(default_factory=deque)
    waited_s: list[float] = field(default_factory=list)
    is_there: bool = True
    connected: bool = True

    def send(self, *messages: Message) -> bool:
        self.sent += [message for message in messages if self.is_there and isinstance(message, Frame)]
        return self.is_there

    def receive(self, timeout_s: float) -> list[Message]:
        self.waited_s.append(timeout_s)
        return [self.inbox.popleft()] if self.inbox else []

    def now(self) -> float:
        return time.monotonic()


class Source:
    """A camera that always has a frame."""

    def __init__(self) -> None:
        self.jpeg = b"jpeg"

    def wait_for_frame(self, timeout_s: float) -> bool:
        return True

    def take_frame(self, timeout_s: float = 0.0) -> CapturedFrame:
        return CapturedFrame(self.jpeg, time.monotonic())


class Camera:
    """A camera's publisher, its queue and the queue's store."""

    def __init__(self, every_frame: bool = False) -> None:
        self.store: QueueStore = make_store()
        self.queue, self.source = OneQueue(), Source()
        self.queue.store.attach(self.store.name)
        self.publisher = FramePublisher(self.queue, "cam", every_frame=every_frame, long_side_px=64)

    def turn(self, times: int = 1) -> list[Frame]:
        """Let the publisher do its work some times, and return the frames that it sent."""
        before = len(self.queue.sent)
        for _ in range(times):
            self.publisher.send_next(self.source)
        return self.queue.sent[before:]

    def let_send(self, frames: int) -> bool | None:
        """Let it send as the queue does."""
        self.store.adopt_ring("cam", self.publisher.ring_name)
        return self.store.let_send("cam", self.store.next_seq("cam") + frames)


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Camera:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    return Camera()


def test_frames_go_inside_messages_until_the_queue_has_opened_the_ring(camera: Camera) -> None:
    camera.queue.inbox.append(Credit("cam", 1))
    (first,) = camera.turn(3)
    assert (first.jpeg, first.ticket) == (b"jpeg", None)
    assert camera.publisher.ring_name.startswith(camera.store.name)
    camera.let_send(2)
    second, third = camera.turn(3)
    assert second.ticket
    assert third.ticket
    assert (second.jpeg, camera.store.read_jpeg(second.ticket)) == (b"", b"jpeg")
    assert [frame.seq - first.seq for frame in (second, third)] == [1, 2]


def test_camera_that_has_a_frame_waits_for_a_message_only_without_leave_to_send(camera: Camera) -> None:
    camera.turn()
    assert camera.let_send(1) is False
    camera.queue.waited_s.clear()
    camera.turn(2)
    assert [waited_s > 0 for waited_s in camera.queue.waited_s] == [False, True]


def test_camera_says_that_it_waits_and_only_then(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.turn()
    seen: list[bool | None] = []

    def receive(timeout_s: float) -> list[Message]:
        seen.append(camera.let_send(0))
        return []

    monkeypatch.setattr(camera.queue, "receive", receive)
    camera.let_send(1)
    camera.turn(2)
    seen.append(camera.let_send(0))
    assert seen == [False, True, False]


def test_old_messages_bring_no_credit_to_a_camera_with_a_ring(camera: Camera) -> None:
    camera.turn()
    camera.let_send(0)
    camera.queue.inbox.append(Credit("cam", 8))
    assert camera.turn(3) == []


@pytest.mark.parametrize("size_bytes", [0, JPEG_BYTES + 1])
def test_jpeg_that_does_not_fit_a_slot_goes_inside_its_message(camera: Camera, size_bytes: int) -> None:
    camera.turn()
    camera.let_send(1)
    camera.source.jpeg = bytes(size_bytes)
    (frame,) = camera.turn()
    assert (frame.jpeg, frame.ticket) == (bytes(size_bytes), None)


def test_frame_goes_inside_its_message_if_no_slot_is_free(camera: Camera) -> None:
    camera.turn()
    camera.let_send(SLOTS + 1)
    frames = camera.turn(SLOTS + 1)
    assert [frame.ticket is None for frame in frames] == [False] * SLOTS + [True]


def test_full_memory_is_said_once_and_frames_go_inside_messages(
    camera: Camera, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    camera.turn()
    camera.let_send(3)

    def fail(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    assert [frame.ticket for frame in camera.turn(3)] == [None] * 3
    (line,) = caplog.messages
    assert line.startswith("frames of cam go inside messages")
    assert "No space left" in line


def test_camera_makes_a_new_ring_for_another_queue(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.turn()
    before, now = camera.publisher.ring_name, time.monotonic()
    camera.store = make_store()
    camera.queue.store.attach(camera.store.name)
    monkeypatch.setattr(time, "monotonic", lambda: now + RING_CHECK_S + 0.1)
    camera.turn()
    assert camera.publisher.ring_name != before
    assert camera.publisher.ring_name.startswith(camera.store.name)


def test_camera_makes_a_new_ring_if_a_slot_was_lost(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.turn()
    camera.let_send(1)
    (lost,) = camera.turn()
    before, now = camera.publisher.ring_name, time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + STUCK_S - 1)
    camera.turn()
    assert camera.publisher.ring_name == before
    monkeypatch.setattr(time, "monotonic", lambda: now + STUCK_S + 1)
    camera.turn()
    assert camera.publisher.ring_name != before
    assert lost.ticket
    assert camera.store.read_jpeg(lost.ticket) == b"jpeg"


def test_camera_whose_queue_has_ended_leaves_no_file_behind(
    camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    camera.turn()
    camera.let_send(1)
    now = time.monotonic()
    camera.store.close()
    camera.queue.is_there = False
    camera.turn()
    monkeypatch.setattr(time, "monotonic", lambda: now + RING_CHECK_S + 0.1)
    camera.turn(2)
    assert not list(tmp_path.iterdir())
    assert caplog.messages == []


def test_camera_whose_queue_is_gone_does_not_send_again_and_again(camera: Camera) -> None:
    camera.turn()
    camera.let_send(5)
    camera.queue.is_there = False
    camera.turn()
    camera.queue.waited_s.clear()
    camera.turn(3)
    assert min(camera.queue.waited_s) > 0
    assert camera.publisher.ring_name == ""


def test_frame_of_a_file_that_could_not_be_sent_is_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    camera = Camera(every_frame=True)
    camera.turn()
    camera.let_send(5)
    camera.queue.is_there = False
    camera.source.jpeg = b"first"
    camera.turn()
    camera.queue.is_there, camera.source.jpeg = True, b"second"
    camera.queue.inbox.append(Credit("cam", 2))
    assert [frame.jpeg for frame in camera.turn(2)] == [b"first", b"second"]


class SentPositions:
    """Keeps what was sent; a test says what is overdue and whether more may be sent."""

    def __init__(self) -> None:
        self.is_full = False
        self.sent: list[CapturedFrame] = []
        self.recorded: list[Recorded] = []
        self.overdue: CapturedFrame | None = None

    def note_sent(self, frame: CapturedFrame, now: float) -> None:
        self.sent.append(frame)

    def find_overdue(self, now: float) -> CapturedFrame | None:
        overdue, self.overdue = self.overdue, None
        return overdue

    def record(self, message: Recorded) -> None:
        self.recorded.append(message)


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Camera, SentPositions]:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    camera, positions = Camera(every_frame=True), SentPositions()
    camera.publisher = FramePublisher(camera.queue, "cam", every_frame=True, long_side_px=64, unrecorded=positions)
    camera.turn()
    camera.let_send(100)
    return camera, positions


def test_overdue_frame_of_a_file_is_sent_again_before_the_next_and_as_if_it_were_new(
    film: tuple[Camera, SentPositions],
) -> None:
    camera, positions = film
    position = FilePosition("0123456789abcdef", 7)
    positions.overdue, positions.is_full = CapturedFrame(b"seven", 1.0, position=position), True
    first, *others = camera.turn(3)
    assert (first.position, camera.store.read_jpeg(first.ticket) if first.ticket else b"") == (position, b"seven")
    assert time.monotonic() - first.captured_at < 5  # the queue refuses what is a day old
    assert others == []
    positions.is_full = False
    assert [frame.position for frame in camera.turn(2)] == [None, None]
    assert len(positions.sent) == 3


def test_all_that_is_recorded_is_noted_at_once(film: tuple[Camera, SentPositions]) -> None:
    camera, positions = film
    messages = [Recorded("cam", "0123456789abcdef", (index,)) for index in range(3)]
    camera.queue.inbox += messages
    camera.turn()
    assert positions.recorded == messages


def test_camera_of_a_file_waits_for_a_message_while_nothing_more_may_be_sent(
    film: tuple[Camera, SentPositions],
) -> None:
    camera, positions = film
    positions.is_full = True
    camera.queue.waited_s.clear()
    assert camera.turn() == []
    assert camera.queue.waited_s[0] > 0


def test_frames_say_that_bare_strokes_are_ones_if_the_camera_is_so() -> None:
    queue = OneQueue()
    publisher = FramePublisher(queue, "draw", every_frame=False, options=CameraOptions(bare_ones=True))
    queue.inbox.append(Credit("draw", 1))
    publisher.send_next(Source())
    assert [frame.bare_ones for frame in queue.sent] == [True]
