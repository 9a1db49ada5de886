"""Frames of files are held until a display has recorded them."""

import pytest

from services.queue.file_frames import MAX_HELD, WINDOW, FileFrames
from services.queue.scheduler import EndedFrame, Job
from shared.messaging.codec import MalformedError
from shared.messaging.messages import FilePosition, Frame, Recorded
from shared.pipeline import Outcome, Stage

STAMP, OTHER = "0123456789abcdef", "fedcba9876543210"


def frame(index: int | None, stamp: str = STAMP, camera: str = "film") -> Frame:
    position = None if index is None else FilePosition(stamp, index)
    return Frame(camera=camera, seq=1, captured_at=1.0, every_frame=True, jpeg=b"jpeg", position=position)


def ended(one: Frame) -> EndedFrame:
    return EndedFrame(Job(one, one, 1.0), Stage.INFERENCE, Outcome.READ)


def test_frame_is_held_until_it_is_recorded() -> None:
    files = FileFrames()
    files.hold(frame(7))
    assert files.is_held(frame(7))
    assert not files.is_held(frame(8))
    assert not files.is_held(frame(7, OTHER))
    assert not files.is_held(frame(7, camera="other"))
    files.record(Recorded("film", OTHER, (7,)))
    assert files.is_held(frame(7))
    files.record(Recorded("film", STAMP, (6, 7)))
    assert not files.is_held(frame(7))


def test_ended_frames_are_listed_in_the_order_in_which_they_came() -> None:
    files = FileFrames()
    for index in range(3):
        files.hold(frame(index))
    files.end(ended(frame(2)))
    files.end(ended(frame(0)))
    assert [end.job.frame.position for end in files.list_ended()] == [(STAMP, 0), (STAMP, 2)]
    files.record(Recorded("film", STAMP, (0,)))
    assert [end.job.frame.position for end in files.list_ended()] == [(STAMP, 2)]


def test_frame_that_ends_after_it_was_recorded_is_not_held_again() -> None:
    """It was read twice: by a worker that was thought lost, too."""
    files = FileFrames()
    files.hold(frame(0))
    files.record(Recorded("film", STAMP, (0,)))
    files.end(ended(frame(0)))
    assert files.list_ended() == []


def test_frame_that_was_recorded_lately_is_known() -> None:
    files = FileFrames()
    for index in range(MAX_HELD + 1):
        files.hold(frame(index))
        files.record(Recorded("film", STAMP, (index,)))
    files.record(Recorded("film", STAMP, (1000,)))
    known = [index for index in (0, 1, MAX_HELD, 1000) if files.is_recorded(frame(index))]
    assert known == [1, MAX_HELD]
    files.forget_camera("film")
    assert not files.is_recorded(frame(1))


def test_room_shrinks_with_each_frame_that_is_held() -> None:
    files = FileFrames()
    for index in range(WINDOW + 2):
        assert files.count_room("film") == max(0, WINDOW - index)
        files.hold(frame(index))
    files.release(frame(0))
    files.record(Recorded("film", STAMP, tuple(range(1, 4))))
    assert files.count_room("film") == 2


def test_camera_that_sends_without_leave_is_refused() -> None:
    files = FileFrames()
    for index in range(MAX_HELD):
        files.hold(frame(index))
    assert files.is_held(frame(0))
    with pytest.raises(MalformedError, match="no display has recorded"):
        files.is_held(frame(MAX_HELD))
    files.forget_camera("film")
    assert not files.is_held(frame(MAX_HELD))


def test_live_frame_is_not_held() -> None:
    files = FileFrames()
    files.hold(frame(None))
    files.end(ended(frame(None)))
    files.release(frame(None))
    assert files.list_ended() == []
    assert files.count_room("film") == WINDOW
