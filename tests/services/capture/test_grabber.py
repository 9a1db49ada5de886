"""FrameGrabber: live, the newest frame wins; with keep_all none is lost; a lost camera is reopened forever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.capture.frames import FrameStream
from services.capture.grabber import FrameGrabber
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.cameras.watchdog import FrameGrabbed, SourceEvent, SourceFinished, SourceLost, SourceOpening


@contextmanager
def open_grabber(
    open_source: Callable[[], FrameStream], *, keep_all: bool, replaced: list[int] | None = None
) -> Iterator[FrameGrabber]:
    counted = replaced if replaced is not None else []
    grabber = FrameGrabber(open_source, keep_all=keep_all, on_replaced=lambda: counted.append(1))
    try:
        yield grabber
    finally:
        assert grabber.close(5)


def wait_for_events(grabber: FrameGrabber, is_enough: Callable[[list[SourceEvent]], bool]) -> list[SourceEvent]:
    events: list[SourceEvent] = []
    deadline = time.monotonic() + 10
    while not is_enough(events):
        assert time.monotonic() < deadline, events
        events += grabber.drain_events()
    return events


def stream(*jpegs: bytes) -> FrameStream:
    yield from (CapturedFrame(jpeg, time.monotonic()) for jpeg in jpegs)


def test_newer_frame_replaces_one_that_was_not_taken_and_is_counted() -> None:
    replaced: list[int] = []
    all_stored, go_on = threading.Event(), threading.Event()

    def camera() -> FrameStream:
        yield from stream(*(bytes([number]) for number in range(50)))
        all_stored.set()
        go_on.wait(10)

    with open_grabber(camera, keep_all=False, replaced=replaced) as grabber:
        assert all_stored.wait(10)
        newest = grabber.take_frame(10)
        assert newest
        assert newest.jpeg == bytes([49])
        assert len(replaced) == 49
        assert grabber.take_frame(0) is None
        go_on.set()


def test_keep_all_delivers_every_frame_once_and_in_order_and_then_finishes() -> None:
    replaced: list[int] = []
    jpegs = [bytes([number]) for number in range(50)]
    with open_grabber(lambda: stream(*jpegs), keep_all=True, replaced=replaced) as grabber:
        taken = [frame.jpeg for _ in jpegs if (frame := grabber.take_frame(10))]
        events = wait_for_events(grabber, lambda events: any(isinstance(event, SourceFinished) for event in events))
    assert taken == jpegs
    assert not replaced
    assert [type(event) for event in events] == [*[FrameGrabbed] * 50, SourceFinished]


def test_lost_camera_is_reopened_until_it_returns() -> None:
    opened = 0

    def camera() -> FrameStream:
        nonlocal opened
        opened += 1
        if opened < 3:
            raise CameraAbsentError(CameraProblem.ENDED)
        yield from stream(b"back")

    with open_grabber(camera, keep_all=False) as grabber:
        frame = grabber.take_frame(10)
        events = grabber.drain_events()
    assert frame
    assert frame.jpeg == b"back"
    kinds = [type(event) for event in events]
    assert kinds[:5] == [SourceLost, SourceOpening, SourceLost, SourceOpening, FrameGrabbed]
    assert isinstance(events[0], SourceLost)
    assert events[0].detail == "it gives no more frames"


def test_only_identical_frames_have_equal_fingerprints() -> None:
    with open_grabber(lambda: stream(b"a", b"a", b"b"), keep_all=True) as grabber:
        while grabber.take_frame(0.5):
            pass
        events = grabber.drain_events()
    a, same, b = [event.fingerprint for event in events if isinstance(event, FrameGrabbed)]
    assert a == same != b


def test_reopening_closes_the_camera_first() -> None:
    calls: list[str] = []

    def camera() -> FrameStream:
        calls.append("open")
        try:
            while True:
                time.sleep(0.001)  # a camera's rate
                yield CapturedFrame(b"", time.monotonic())
        finally:
            calls.append("close")

    with open_grabber(camera, keep_all=False) as grabber:
        assert grabber.take_frame(10)
        grabber.request_reopen()
        wait_for_events(grabber, lambda events: any(isinstance(event, SourceOpening) for event in events))
        assert grabber.take_frame(10)
    assert calls == ["open", "close"] * 2


def test_close_does_not_wait_for_a_driver_that_hangs() -> None:
    released = threading.Event()

    def camera() -> FrameStream:
        released.wait(30)
        yield from stream()

    grabber = FrameGrabber(camera, keep_all=False, on_replaced=lambda: None)
    assert not grabber.close(0.05)
    released.set()
    assert grabber.close(5)


def test_close_ends_a_grabber_that_waits_for_its_consumer() -> None:
    with open_grabber(lambda: stream(b"a", b"b", b"c"), keep_all=True) as grabber:
        wait_for_events(grabber, lambda events: len(events) == 2)  # the second frame waits until the first is taken
