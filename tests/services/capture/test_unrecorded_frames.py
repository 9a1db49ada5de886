"""Frames of a file are sent again until a display has recorded them."""

from services.capture.unrecorded_frames import MAX_UNRECORDED, RESEND_AFTER_S, UnrecordedFrames
from shared.cameras.publisher import CapturedFrame
from shared.messaging.messages import FilePosition, Recorded

STAMP = "0123456789abcdef"


def frame(index: int) -> CapturedFrame:
    return CapturedFrame(b"jpeg", 1.0, position=FilePosition(STAMP, index))


def sent(count: int) -> tuple[UnrecordedFrames, list[int]]:
    """Return frames of which one was sent each second from 100 on, and where the recorded ones are noted."""
    recorded: list[int] = []
    frames = UnrecordedFrames(lambda position: recorded.append(position.index))
    for index in range(count):
        frames.note_sent(frame(index), 100.0 + index)
    return frames, recorded


def test_oldest_frame_is_sent_again_first_and_then_waits_again() -> None:
    frames, _ = sent(2)
    assert frames.find_overdue(100.0 + RESEND_AFTER_S) is None
    now = 100.1 + RESEND_AFTER_S
    assert frames.find_overdue(now) == frame(0)
    frames.note_sent(frame(0), now)
    assert frames.find_overdue(now) is None
    assert frames.find_overdue(now + 1) == frame(1)


def test_recorded_frame_is_not_sent_again_and_is_told_once() -> None:
    frames, recorded = sent(3)
    frames.record(Recorded("film", STAMP, (2, 0, 7)))
    frames.record(Recorded("film", STAMP, (0,)))
    frames.record(Recorded("film", "fedcba9876543210", (1,)))
    assert recorded == [2, 0]
    assert frames.find_overdue(200.0) == frame(1)


def test_no_more_frames_are_sent_than_the_queue_would_hold() -> None:
    frames, _ = sent(MAX_UNRECORDED)
    assert frames.is_full
    frames.record(Recorded("film", STAMP, (3,)))
    assert not frames.is_full


def test_live_frames_are_not_kept() -> None:
    frames, _ = sent(0)
    frames.note_sent(CapturedFrame(b"jpeg", 1.0), 100.0)
    assert frames.find_overdue(1000.0) is None
