"""A file is read once: a new process goes on where every frame before was recorded, and an ended file stays ended."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.capture.file_cursor import SAVE_EVERY_S, FileCursor
from shared.cameras.problems import CameraAbsentError
from shared.cameras.publisher import CapturedFrame
from shared.file_reading.progress import FileProgress, load_progress, progress_path, request_again
from shared.messaging.messages import Recorded

FRAMES = 5


def grab(first: int) -> Iterator[CapturedFrame]:
    for index in range(first, FRAMES):
        yield CapturedFrame(bytes([index]), 1.0)


class Reading:
    """A process that reads a file."""

    def __init__(self, run_dir: Path, path: Path) -> None:
        self.cursor, self.now = FileCursor(run_dir, "film", path), 0.0

    def read(self, *recorded: int) -> list[int]:
        """Read to the end; return the indices that were sent. Then a display records these."""
        frames = list(self.cursor.read(grab))
        for frame in frames:
            self.cursor.unrecorded.note_sent(frame, 1.0)
        positions = {frame.position.index: frame.position for frame in frames if frame.position}
        assert [bytes([index]) for index in positions] == [frame.jpeg for frame in frames]
        for index in recorded:
            self.cursor.unrecorded.record(Recorded("film", positions[index].stamp, (index,)))
        self.now += SAVE_EVERY_S
        self.cursor.save(self.now)
        return list(positions)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.avi"
    path.write_bytes(b"film")
    return path


def test_new_process_goes_on_after_the_frames_that_are_all_recorded(tmp_path: Path, film: Path) -> None:
    assert Reading(tmp_path, film).read(0, 1, 3) == [0, 1, 2, 3, 4]
    second = Reading(tmp_path, film)
    assert second.read(2, 3) == [2, 3, 4]
    assert not second.cursor.is_ended
    third = Reading(tmp_path, film)
    assert third.read(4) == [4]
    assert third.cursor.is_ended
    last = Reading(tmp_path, film)
    assert last.read() == []
    assert last.cursor.is_ended


def test_process_that_ends_before_the_end_of_the_file_was_seen_goes_on_there(tmp_path: Path, film: Path) -> None:
    reading = Reading(tmp_path, film)
    frames = reading.cursor.read(grab)
    for _ in range(FRAMES):
        frame = next(frames)
        reading.cursor.unrecorded.note_sent(frame, 1.0)
        assert frame.position
        reading.cursor.unrecorded.record(Recorded("film", frame.position.stamp, (frame.position.index,)))
    reading.cursor.save(1.0)
    assert not reading.cursor.is_ended
    second = Reading(tmp_path, film)
    assert second.read() == []
    assert second.cursor.is_ended


def end(run_dir: Path, path: Path) -> FileCursor:
    reading = Reading(run_dir, path)
    reading.read(*range(FRAMES))
    assert reading.cursor.is_ended
    return reading.cursor


def notices_change(cursor: FileCursor) -> list[bool]:
    cursor._check_at = 0.0
    first = cursor.has_changed()
    cursor._check_at = 0.0
    return [first, cursor.has_changed()]


def test_ended_file_that_changes_is_read_again_once_it_has_settled(tmp_path: Path, film: Path) -> None:
    cursor = end(tmp_path, film)
    assert notices_change(cursor) == [False, False]
    film.write_bytes(b"another film")
    assert notices_change(cursor) == [False, True]
    assert [frame.jpeg for frame in cursor.read(grab)] == [bytes([index]) for index in range(FRAMES)]


def test_ended_file_is_read_again_on_request_and_once_only(tmp_path: Path, film: Path) -> None:
    cursor = end(tmp_path, film)
    request_again(tmp_path, "film")
    assert notices_change(cursor) == [False, True]
    assert Reading(tmp_path, film).read(*range(FRAMES)) == list(range(FRAMES))
    assert Reading(tmp_path, film).read() == []
    request_again(tmp_path, "film")
    assert Reading(tmp_path, film).read() == list(range(FRAMES))


def test_folder_changes_with_any_file_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"photo")
    cursor = end(tmp_path / "run", folder)
    (folder / "notes.txt").write_text("no photo")
    assert notices_change(cursor) == [False, False]
    os.utime(folder / "b.jpg", (1, 1))
    assert notices_change(cursor) == [False, True]


def test_file_that_is_away_stays_ended_and_cannot_be_read_anew(tmp_path: Path, film: Path) -> None:
    cursor = end(tmp_path, film)
    film.unlink()
    assert notices_change(cursor) == [False, False]
    with pytest.raises(CameraAbsentError, match="the file can't be read"):
        next(FileCursor(tmp_path, "film", film).read(grab))


def test_recorded_frames_of_the_file_before_it_changed_do_not_count(tmp_path: Path, film: Path) -> None:
    reading = Reading(tmp_path, film)
    old = list(reading.cursor.read(grab))
    film.write_bytes(b"another film")
    reading.read()
    for frame in old:
        reading.cursor.unrecorded.note_sent(frame, 1.0)
        assert frame.position
        reading.cursor.unrecorded.record(Recorded("film", *frame.position[:1], (frame.position.index,)))
    assert not reading.cursor.is_ended


def test_file_that_is_opened_again_goes_on_where_this_process_was(tmp_path: Path, film: Path) -> None:
    """After a video that could not be read on for a moment. What was saved last may be older."""
    reading = Reading(tmp_path, film)
    frames = reading.cursor.read(grab)
    first = next(frames)
    reading.cursor.unrecorded.note_sent(first, 1.0)
    assert first.position
    reading.cursor.unrecorded.record(Recorded("film", first.position.stamp, (0,)))
    frames.close()
    assert reading.read() == [1, 2, 3, 4]


def test_damaged_progress_is_set_aside_and_the_file_is_read_from_its_start(
    tmp_path: Path, film: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end(tmp_path, film)
    progress_path(tmp_path, "film").write_bytes(b"no progress")
    assert Reading(tmp_path, film).read() == list(range(FRAMES))
    assert len(list((tmp_path / "progress").glob("film.json.broken-*"))) == 1
    assert len(caplog.messages) == 1


def test_full_disk_is_said_once_and_saved_when_there_is_room(
    tmp_path: Path, film: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run_dir: Path, progress: FileProgress) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    reading = Reading(tmp_path, film)
    with monkeypatch.context() as full:
        full.setattr("services.capture.file_cursor.save_progress", fail)
        assert reading.read(0, 1) == list(range(FRAMES))
        reading.cursor.save(10.0)
    assert caplog.messages == ["how far the file is read can't be written to RUN_DIR (No space left on device)"]
    reading.cursor.save(20.0)
    progress = load_progress(tmp_path, "film")
    assert progress
    assert progress.recorded == 2


def test_progress_is_not_written_more_often_than_it_must(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(
        "services.capture.file_cursor.save_progress", lambda _, progress: written.append(progress.recorded)
    )
    cursor = FileCursor(tmp_path, "film", film)
    for frame in cursor.read(grab):
        assert frame.position
        cursor.unrecorded.note_sent(frame, 1.0)
        cursor.unrecorded.record(Recorded("film", frame.position.stamp, (frame.position.index,)))
        cursor.save(1.0 + frame.position.index * SAVE_EVERY_S / 2.5)
    cursor.save(9.0)
    cursor.save(10.0)
    assert written == [1, 4, 5]


def test_copy_of_a_file_is_another_file(tmp_path: Path, film: Path) -> None:
    end(tmp_path, film)
    copy = tmp_path / "copy.avi"
    shutil.copy2(film, copy)
    assert Reading(tmp_path, copy).read() == list(range(FRAMES))
