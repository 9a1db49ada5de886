"""Frames of files are recorded before the queue is told, and a second reading of a frame is counted."""

import sqlite3
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.display.file_recorder import RETRY_S, FileRecorder
from shared.file_reading.frame_records import FrameRecord, FrameRecords
from shared.messaging.messages import FilePosition, Message, Recorded, View
from shared.pipeline import Outcome

STAMP = "0123456789abcdef"
NOW, WALL = 100.0, 1.75e9


class SentMessages:
    """A queue that keeps what it is sent."""

    connected = True

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, *messages: Message) -> bool:
        self.sent += messages
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        return []

    def now(self) -> float:
        return NOW


class FullRecords(FrameRecords):
    """Records on a disk that may be full."""

    is_full = False

    def add(self, records: object) -> list[FrameRecord]:
        if self.is_full:
            raise sqlite3.OperationalError("database or disk is full")
        return super().add(records)  # type: ignore[arg-type]


def view(index: int | None, camera: str = "film") -> View:
    position = None if index is None else FilePosition(STAMP, index)
    return View(
        camera=camera,
        seq=1,
        captured_at=NOW - 0.5,
        outcome=Outcome.READ,
        width=640,
        height=480,
        digits=(),
        jpeg=b"",
        position=position,
    )


@pytest.fixture
def records(tmp_path: Path) -> FullRecords:
    return FullRecords(tmp_path)


def stored(records: FrameRecords) -> list[int]:
    return [found.position.index for found in records.find_after("", None, 100)]


def count_resent(camera: str = "film") -> float:
    return REGISTRY.get_sample_value("digitcam_resent_total", {"camera": camera, "stage": "display"}) or 0.0


def test_queue_is_told_what_is_recorded_of_each_file(records: FullRecords) -> None:
    queue = SentMessages()
    recorder = FileRecorder(queue, records, lambda: WALL)
    recorder.record([view(3), view(None), view(0, "other"), view(4)], NOW)
    assert queue.sent == [Recorded("film", STAMP, (3, 4)), Recorded("other", STAMP, (0,))]
    assert stored(records) == [3, 0, 4]
    assert {found.captured_at for found in records.find_after("", None, 100)} == {WALL - 0.5}
    assert recorder.record([view(None)], NOW) == []
    assert len(queue.sent) == 2


def test_second_reading_is_dropped_and_counted_and_the_queue_is_told_again(records: FullRecords) -> None:
    before, queue = count_resent(), SentMessages()
    FileRecorder(queue, records).record([view(0), view(1)], NOW)
    FileRecorder(queue, records).record([view(1), view(2)], NOW)  # the next display
    assert stored(records) == [0, 1, 2]
    assert queue.sent == [Recorded("film", STAMP, (0, 1)), Recorded("film", STAMP, (1, 2))]
    assert count_resent() == before + 1


def test_frames_wait_until_they_can_be_recorded(records: FullRecords, caplog: pytest.LogCaptureFixture) -> None:
    queue = SentMessages()
    recorder = FileRecorder(queue, records)
    records.is_full = True
    assert recorder.record([view(0)], NOW) == []
    assert recorder.record([view(1)], NOW + 1.5 * RETRY_S) == []
    assert queue.sent == []
    assert len(caplog.messages) == 1
    assert "files are not read on until it can" in caplog.messages[0]
    records.is_full = False
    assert recorder.record([], NOW + 2 * RETRY_S) == []
    assert recorder.record([], NOW + 3 * RETRY_S) == [Recorded("film", STAMP, (0, 1))]
    assert stored(records) == [0, 1]
