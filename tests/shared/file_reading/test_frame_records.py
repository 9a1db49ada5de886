"""The record of frames of files: each frame is in it once, and a damaged one never prevents a start."""

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shared.file_reading.frame_records import FILE, FrameRecord, FrameRecords
from shared.messaging.messages import FilePosition
from shared.pipeline import Outcome
from shared.vision.digit import Digit

STAMPS = ("0123456789abcdef", "fedcba9876543210", "00000000deadbeef", "1111111111111111")
SEVEN = Digit((1.0, 2.0, 3.0, 4.0), tuple(math.log(0.99 if digit == 7 else 0.001) for digit in range(11)), 2.5)


def record(index: int, stamp: str = STAMPS[0], camera: str = "film", outcome: Outcome = Outcome.READ) -> FrameRecord:
    return FrameRecord(
        camera=camera,
        position=FilePosition(stamp, index),
        seq=1_000_000 + index,
        captured_at=1.75e9 + index / 8,
        outcome=outcome,
        width=640,
        height=480,
        digits=(SEVEN,) * (index % 3),
    )


def indices(records: FrameRecords, after: str = "", camera: str | None = None) -> list[int]:
    return [found.position.index for found in records.find_after(after, camera, 100)]


@pytest.fixture
def records(tmp_path: Path) -> FrameRecords:
    return FrameRecords(tmp_path)


def test_frame_is_recorded_once_however_often_it_is_read(records: FrameRecords, tmp_path: Path) -> None:
    assert records.add([record(0), record(1)]) == []
    again = replace(record(1), seq=7, outcome=Outcome.MALFORMED, digits=())
    assert records.add([again, record(2)]) == [again]
    assert records.add([record(3), record(3)]) == [record(3)]
    for other in (records, FrameRecords(tmp_path)):
        found = other.find_after("", None, 100)
        assert [replace(one, id="") for one in found] == [record(index) for index in range(4)]


def test_program_goes_on_after_the_last_record_that_it_has(records: FrameRecords, tmp_path: Path) -> None:
    assert records.find_last_id() == ""
    records.add([record(0), record(0, camera="other"), record(1)])
    first = records.find_after("", None, 1)[0].id
    assert indices(records, first) == [0, 1]
    assert indices(records, first, "film") == [1]
    last = records.find_last_id()
    assert indices(FrameRecords(tmp_path), last) == []
    records.add([record(2)])
    assert indices(records, last) == [2]


def test_program_whose_record_is_gone_begins_again(records: FrameRecords, tmp_path: Path) -> None:
    records.add([record(index) for index in range(5)])
    last = records.find_last_id()
    records.close()
    (tmp_path / FILE).unlink()
    records.add([record(7)])
    assert indices(records, last) == [7]


def test_record_that_was_deleted_is_begun_again_by_all_who_use_it(records: FrameRecords, tmp_path: Path) -> None:
    reader = FrameRecords(tmp_path)
    records.add([record(0)])
    assert indices(reader) == [0]
    for path in tmp_path.glob(f"{FILE}*"):
        path.unlink()
    records.add([record(1)])
    assert indices(reader) == [1]


def test_records_of_a_file_that_has_changed_are_kept_until_it_changes_again(records: FrameRecords) -> None:
    for stamp in STAMPS:
        records.add([record(0, stamp), record(1, stamp)])
        records.add([record(0, STAMPS[0], camera="other")])
    left = [(found.camera, found.position.stamp) for found in records.find_after("", None, 100)]
    assert left == [("other", STAMPS[0]), *[("film", STAMPS[2])] * 2, *[("film", STAMPS[3])] * 2]


def test_late_frame_of_the_file_before_removes_nothing_of_the_file_now(records: FrameRecords) -> None:
    records.add([record(0, STAMPS[0])])
    records.add([record(0, STAMPS[1]), record(1, STAMPS[1])])
    records.add([record(1, STAMPS[0])])
    records.add([record(2, STAMPS[1])])
    assert [index for index, _ in records.list_outcomes("film", STAMPS[1])] == [0, 1, 2]


def test_outcomes_of_a_file_are_listed_by_index(records: FrameRecords) -> None:
    records.add([record(2), record(0), record(1, outcome=Outcome.MALFORMED)])
    expected = [(0, Outcome.READ), (1, Outcome.MALFORMED), (2, Outcome.READ)]
    assert list(records.list_outcomes("film", STAMPS[0])) == expected
    assert list(records.list_outcomes("film", STAMPS[1])) == []


def damage(path: Path, kind: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    elif kind == "other tables":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE frames (id INTEGER PRIMARY KEY)")
    else:
        path.write_bytes(data[:5000] if kind == "cut" else b"no database" * 1000)


@pytest.mark.parametrize("kind", ["garbage", "cut", "other tables", "a folder"])
def test_damaged_record_is_set_aside_and_a_new_one_begins(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(FrameRecords(tmp_path)) as first:
        first.add([record(index) for index in range(50)])
    damage(tmp_path / FILE, kind)
    records = FrameRecords(tmp_path)
    assert records.add([record(60)]) == []
    assert indices(records) == [60]
    assert len(list(tmp_path.glob(f"{FILE}.broken-*"))) >= 1
    assert caplog.messages
    assert "a new one begins" in caplog.messages[0]


def test_record_that_is_damaged_while_it_is_open_is_set_aside(records: FrameRecords, tmp_path: Path) -> None:
    records.add([record(index) for index in range(50)])
    for path in tmp_path.glob(f"{FILE}*"):
        path.write_bytes(b"no database" * 1000)
    records.add([record(60)])
    assert indices(records) == [60]


def test_full_disk_is_an_error_and_sets_nothing_aside(
    records: FrameRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.add([record(0)])
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        pages = other.execute("PRAGMA page_count").fetchone()[0]
    connection = records._open()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        records.add([record(index) for index in range(1, 500)])
    assert indices(records) == [0]
    assert records.add([record(1)]) == []
    assert not list(tmp_path.glob("*.broken-*"))
