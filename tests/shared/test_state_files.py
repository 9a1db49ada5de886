"""Whatever lies in the place of a file or folder of an earlier run, it prevents no start."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from digitcam.run_lock import hold_lock
from services.display.web.event_store import Event, EventStore
from services.display.web.schema import EventsQuery
from services.display.web.sessions import load_key
from shared.cameras.added_cameras import (
    MAX_ADDED,
    fingerprint_added_cameras,
    load_added_cameras,
    make_added_camera,
    write_added_cameras,
)
from shared.file_reading import frame_records, progress
from shared.file_reading.frame_records import FrameRecord, FrameRecords
from shared.file_reading.progress import FileProgress
from shared.messaging.messages import FilePosition
from shared.networks.runtimes import read_weights
from shared.pipeline import Outcome
from shared.service.lifecycle import write_scrape_target
from shared.state_files import SIDE_FILES, read_state
from shared.telemetry.scraping import ScrapeTarget, find_targets
from shared.vision import corrections
from shared.vision.corrections import ClassifiedCrop, CorrectionStore
from shared.vision.normaliser import SIDE_PX

STAMP = "0123456789abcdef"
EVENT = Event(id=0, camera="demo", number="7", appeared_at=1e9, left_at=None, confidence=0.5)
RECORD = FrameRecord(
    camera="film",
    position=FilePosition(STAMP, 3),
    seq=1,
    captured_at=1e9,
    outcome=Outcome.READ,
    width=640,
    height=480,
    digits=(),
)
CROP = ClassifiedCrop("demo", np.zeros((SIDE_PX, SIDE_PX), np.uint8), 7)


def use_cameras(run_dir: Path) -> bool:
    fingerprint_added_cameras(run_dir)
    load_added_cameras(run_dir)
    write_added_cameras(run_dir, {"hall": make_added_camera("hall", "demo")})
    return load_added_cameras(run_dir).keys() == {"hall"}


def use_progress(run_dir: Path) -> bool:
    kept = FileProgress(camera="film", path="/film", stamp=STAMP, recorded=5)
    progress.load_progress(run_dir, "film")
    progress.save_progress(run_dir, kept)
    return progress.load_progress(run_dir, "film") == kept


def use_request(run_dir: Path) -> bool:
    progress.find_request(run_dir, "film")
    progress.request_again(run_dir, "film")
    return progress.find_request(run_dir, "film") != ""


def use_target(run_dir: Path) -> bool:
    find_targets(run_dir)
    write_scrape_target(run_dir / "targets" / "queue.1.json", 1234, {"stage": "queue", "worker": "queue.1"})
    return find_targets(run_dir) == [ScrapeTarget("queue.1", "queue", "127.0.0.1:1234")]


def use_lock(run_dir: Path) -> bool:
    with hold_lock(run_dir, "queue.1"):
        return True


def use_session_key(run_dir: Path) -> bool:
    return load_key(run_dir / "web_session_key") == load_key(run_dir / "web_session_key")


def use_events(run_dir: Path) -> bool:
    with closing(EventStore(run_dir / "events.sqlite", days=1e6)) as store:
        with suppress(sqlite3.Error):  # said once
            store.find(EventsQuery())
        store.add(EVENT)
        return [found.number for found in store.find(EventsQuery())][:1] == ["7"]


def use_records(run_dir: Path) -> bool:
    with closing(FrameRecords(run_dir)) as records:
        records.find_last_id()
        records.find_after("", None, 10)
        records.add([RECORD])
        outcomes = dict(records.list_outcomes("film", STAMP))
        return RECORD.position in [one.position for one in records.find_after("", None, 10)] and 3 in outcomes


def use_corrections(run_dir: Path) -> bool:
    store = CorrectionStore(run_dir)
    for _ in range(2):
        with suppress(sqlite3.Error):  # it says to try again
            store.fetch()
            store.add(CROP, 3)
    return store.fetch()[0].label == 3


USES: dict[str, Callable[[Path], bool]] = {
    "cameras.json": use_cameras,
    "cameras.json.part": use_cameras,
    "progress": use_progress,
    "progress/film.json": use_progress,
    "progress/film.json.part": use_progress,
    "progress/film.again": use_request,
    "targets": use_target,
    "targets/queue.1.json": use_target,
    "targets/other.json": use_target,
    "locks": use_lock,
    "locks/queue.1": use_lock,
    "web_session_key": use_session_key,
    "events.sqlite": use_events,
    "readings.sqlite": use_records,
    "corrections.sqlite": use_corrections,
}
PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "an empty file": lambda path: path.touch(),
    "another file": lambda path: path.write_bytes(b"\xff\xfe no JSON, no database \0" * 500),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere/at all"),
    "a pipe": os.mkfifo if hasattr(os, "mkfifo") else lambda path: path.touch(),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", USES)
def test_nothing_in_the_place_of_a_file_or_folder_prevents_its_use(tmp_path: Path, name: str, place: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    PLACES[place](path)
    assert USES[name](tmp_path)


@pytest.mark.parametrize("suffix", SIDE_FILES)
@pytest.mark.parametrize("name", ["events.sqlite", "readings.sqlite"])
def test_folder_in_the_place_of_a_side_file_of_sqlite_prevents_no_use(tmp_path: Path, name: str, suffix: str) -> None:
    (tmp_path / f"{name}{suffix}").mkdir()
    assert USES[name](tmp_path)


@pytest.mark.parametrize("place", ["a link to itself", "a pipe", "a folder"])
def test_weights_that_are_no_file_are_one_sentence(tmp_path: Path, place: str) -> None:
    PLACES[place](tmp_path / "classifier.onnx")
    with pytest.raises(ValueError, match=r"the network .*classifier\.onnx can't be read: "):
        read_weights(tmp_path / "classifier.onnx")


def test_state_larger_than_this_program_writes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="no file of at most 100 bytes"):
        read_state(tmp_path / "huge", 100)


def test_list_of_more_cameras_than_may_be_added_starts_no_more(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(MAX_ADDED + 5)]
    write_added_cameras(tmp_path, {name: make_added_camera(name, "demo") for name in names})
    assert list(load_added_cameras(tmp_path)) == names[:MAX_ADDED]


def make_file(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def change_events(run_dir: Path, *statements: str) -> None:
    with closing(EventStore(run_dir / "events.sqlite", days=1e6)) as store:
        store.add(EVENT)
    make_file(run_dir / "events.sqlite", *statements)


def change_records(run_dir: Path, *statements: str) -> None:
    with closing(FrameRecords(run_dir)) as records:
        records.add([RECORD])
    make_file(run_dir / frame_records.FILE, *statements)


def change_corrections(run_dir: Path, *statements: str) -> None:
    CorrectionStore(run_dir).add(CROP, 7)
    make_file(run_dir / corrections.FILE, "PRAGMA ignore_check_constraints = ON", *statements)


@pytest.mark.parametrize(
    ("change", "use", "statement"),
    [
        (change_events, use_events, "UPDATE events SET appeared_at = 1e300"),
        (change_events, use_events, "UPDATE events SET left_at = 9e999"),
        (change_events, use_events, "UPDATE events SET confidence = -7.0"),
        (change_events, use_events, "UPDATE events SET number = '<b>'"),
        (change_events, use_events, "ALTER TABLE events ADD COLUMN more TEXT NOT NULL DEFAULT 'x'"),
        (change_events, use_events, "CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END"),
        (change_events, use_events, "CREATE UNIQUE INDEX one ON events (camera)"),
        (change_records, use_records, "UPDATE frames SET outcome = 'unheard of'"),
        (change_records, use_records, "UPDATE frames SET digits = x'c1'"),
        (change_records, use_records, "UPDATE frames SET digits = x'93010203'"),
        (change_records, use_records, "UPDATE frames SET captured_at = -1e300"),
        (change_records, use_records, "UPDATE frames SET stamp = 'film', width = -1"),
        (change_records, use_records, "UPDATE edition SET name = 'another one'"),
        (change_records, use_records, "ALTER TABLE frames ADD COLUMN more TEXT NOT NULL DEFAULT 'x'"),
        (change_records, use_records, "CREATE TRIGGER no BEFORE INSERT ON frames BEGIN SELECT RAISE(IGNORE); END"),
        (change_corrections, use_corrections, "UPDATE corrections SET at = 1e300"),
        (change_corrections, use_corrections, "UPDATE corrections SET label = 11"),
        (change_corrections, use_corrections, "UPDATE corrections SET image = x'00'"),
        (change_corrections, use_corrections, "ALTER TABLE corrections ADD COLUMN more INTEGER"),
    ],
)
def test_file_with_another_content_than_was_written_is_set_aside(
    tmp_path: Path, change: Callable[..., None], use: Callable[[Path], bool], statement: str
) -> None:
    """The file is a right database: SQLite finds no fault with it."""
    change(tmp_path, statement)
    assert use(tmp_path)
    assert list(tmp_path.glob("*.broken-*"))
