"""What a process keeps in memory of tables that grow."""

import _sqlite3
import ctypes
from contextlib import closing
from pathlib import Path

import pytest

from services.display.web.event_store import Event, EventStore
from services.display.web.schema import EventsQuery
from shared.file_reading.frame_records import FrameRecords
from tests.shared.file_reading.test_frame_records import record

SQLITE = ctypes.CDLL(_sqlite3.__file__)
MAX_BYTES = 250_000  # of an open file

pytestmark = pytest.mark.skipif(not hasattr(SQLITE, "sqlite3_memory_used"), reason="SQLite is within Python")


def count_bytes() -> int:
    """Return how many bytes SQLite holds."""
    SQLITE.sqlite3_memory_used.restype = ctypes.c_int64
    return int(SQLITE.sqlite3_memory_used())


def test_events_of_hours_are_not_kept_in_memory(tmp_path: Path) -> None:
    before = count_bytes()
    with closing(EventStore(tmp_path / "events.sqlite", days=1)) as store:
        event = Event(id=0, camera="cam", number="30", appeared_at=1.75e9, left_at=None, confidence=0.9)
        for _ in range(15):
            store.add(event)
        connection = store._connection
        for _ in range(10):  # twice as many each time
            connection.execute(
                "INSERT INTO events SELECT NULL, camera, number, appeared_at, left_at, confidence FROM events"
            )
        assert store.find(EventsQuery(camera="another")) == []
        assert count_bytes() - before < MAX_BYTES


def test_frames_of_hours_are_not_kept_in_memory(tmp_path: Path) -> None:
    before = count_bytes()
    with closing(FrameRecords(tmp_path)) as records:
        records.add([record(index) for index in range(5_000)])
        assert count_bytes() - before < MAX_BYTES
