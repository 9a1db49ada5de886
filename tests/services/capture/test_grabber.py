"""The reader: newest shot wins when live, none is lost with keep_all, and a camera is opened again for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.capture.grabber import FrameGrabber
from shared.cameras.shot import AbsentError, Shot, Shots
from shared.cameras.watchdog import PictureTaken, SourceEvent, SourceFinished, SourceLost, SourceOpening


@contextmanager
def reading(
    open_source: Callable[[], Shots], keep_all: bool, dropped: list[int] | None = None
) -> Iterator[FrameGrabber]:
    counted = dropped if dropped is not None else []
    reader = FrameGrabber(open_source, keep_all, lambda: counted.append(1))
    try:
        yield reader
    finally:
        assert reader.close(5)


def wait_for_events(reader: FrameGrabber, enough: Callable[[list[SourceEvent]], bool]) -> list[SourceEvent]:
    events: list[SourceEvent] = []
    deadline = time.monotonic() + 10
    while not enough(events):
        assert time.monotonic() < deadline, events
        events += reader.events()
    return events


def shots(*jpegs: bytes) -> Shots:
    yield from (Shot(jpeg, time.monotonic()) for jpeg in jpegs)


def test_a_shot_that_was_not_taken_is_replaced_by_a_newer_one_and_counted() -> None:
    dropped: list[int] = []
    all_put, go_on = threading.Event(), threading.Event()

    def camera() -> Shots:
        yield from shots(*(bytes([number]) for number in range(50)))
        all_put.set()
        go_on.wait(10)

    with reading(camera, keep_all=False, dropped=dropped) as reader:
        assert all_put.wait(10)
        newest = reader.take(10)
        assert newest
        assert newest.jpeg == bytes([49])
        assert len(dropped) == 49
        assert reader.take(0) is None
        go_on.set()


def test_with_keep_all_every_shot_arrives_once_and_in_order_and_then_it_is_finished() -> None:
    dropped: list[int] = []
    jpegs = [bytes([number]) for number in range(50)]
    with reading(lambda: shots(*jpegs), keep_all=True, dropped=dropped) as reader:
        taken = [shot.jpeg for _ in jpegs if (shot := reader.take(10))]
        events = wait_for_events(reader, lambda events: any(isinstance(event, SourceFinished) for event in events))
    assert taken == jpegs
    assert not dropped
    assert [type(event) for event in events] == [*[PictureTaken] * 50, SourceFinished]


def test_a_camera_that_is_lost_is_opened_again_until_it_returns() -> None:
    opened = 0

    def camera() -> Shots:
        nonlocal opened
        opened += 1
        if opened < 3:
            raise AbsentError("it is unplugged")
        yield from shots(b"back")

    with reading(camera, keep_all=False) as reader:
        shot = reader.take(10)
        events = reader.events()
    assert shot
    assert shot.jpeg == b"back"
    kinds = [type(event) for event in events]
    assert kinds[:5] == [SourceLost, SourceOpening, SourceLost, SourceOpening, PictureTaken]
    assert isinstance(events[0], SourceLost)
    assert events[0].detail == "it is unplugged"


def test_equal_pictures_have_equal_fingerprints_and_others_have_others() -> None:
    with reading(lambda: shots(b"a", b"a", b"b"), keep_all=True) as reader:
        while reader.take(0.5):
            pass
        events = reader.events()
    a, same, b = [event.fingerprint for event in events if isinstance(event, PictureTaken)]
    assert a == same != b


def test_reopening_closes_the_camera_before_it_opens_it_again() -> None:
    story: list[str] = []

    def camera() -> Shots:
        story.append("open")
        try:
            while True:
                time.sleep(0.001)  # a camera's rate
                yield Shot(b"", time.monotonic())
        finally:
            story.append("close")

    with reading(camera, keep_all=False) as reader:
        assert reader.take(10)
        reader.reopen()
        wait_for_events(reader, lambda events: any(isinstance(event, SourceOpening) for event in events))
        assert reader.take(10)
    assert story == ["open", "close"] * 2


def test_a_driver_that_does_not_return_is_left_behind() -> None:
    let_go = threading.Event()

    def camera() -> Shots:
        let_go.wait(30)
        yield from shots()

    reader = FrameGrabber(camera, keep_all=False, replaced=lambda: None)
    assert not reader.close(0.05)
    let_go.set()
    assert reader.close(5)


def test_a_waiting_reader_that_is_closed_ends_at_once() -> None:
    with reading(lambda: shots(b"a", b"b", b"c"), keep_all=True) as reader:
        wait_for_events(reader, lambda events: len(events) == 2)  # the second waits for the first to be taken
