"""The events that are kept: a table in SQLite, a row for each number that was in sight, and forgotten after a while."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DAY_S = 24 * 3600.0
MOST_EVENTS = 100_000  # 10 MB; a question that reads all of them takes 20 ms
LOCKED_MS = 100  # another program may hold the file so long; then an event is told and not kept: the page waits for it
TABLE = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    number TEXT NOT NULL,
    appeared_at REAL NOT NULL,
    left_at REAL,
    confidence REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_time ON events (appeared_at);
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A number that was in sight of a camera; times are in seconds since 1970, left_at is None while it is there."""

    id: int
    camera: str
    number: str
    appeared_at: float
    left_at: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are asked for, the newest first: of a camera, of a number, that appeared since or until a time."""

    camera: str | None = None
    number: str | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None  # an id: the page that follows the one that ended with it
    limit: int = 100


class EventStore:
    """The table. For one thread at a time."""

    def __init__(self, path: Path, days: float) -> None:
        """Open the file, or make it. A display that crashed could not say when its numbers left: at once, at the least.

        Raises sqlite3.Error where the file can't be had.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._days = days
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + TABLE)
        self._connection.execute("UPDATE events SET left_at = appeared_at WHERE left_at IS NULL")
        self._connection.execute(f"PRAGMA busy_timeout = {LOCKED_MS}")

    def add(self, camera: str, number: str, appeared_at: float, confidence: float) -> Event:
        """Keep that a number has appeared, and forget what is too old."""
        self._forget(appeared_at - self._days * DAY_S)
        row = (camera, number, appeared_at, confidence)
        added = self._connection.execute(
            "INSERT INTO events (camera, number, appeared_at, confidence) VALUES (?, ?, ?, ?)", row
        )
        return Event(added.lastrowid or 0, camera, number, appeared_at, None, confidence)

    def _forget(self, before: float) -> None:
        self._connection.execute("DELETE FROM events WHERE appeared_at < ?", (before,))
        self._connection.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (MOST_EVENTS,))

    def close_event(self, event: int, left_at: float, confidence: float) -> None:
        """Keep that a number has left."""
        self._connection.execute(
            "UPDATE events SET left_at = ?, confidence = ? WHERE id = ?", (left_at, confidence, event)
        )

    def ask(self, question: EventQuery) -> Sequence[Event]:
        """Return the events asked for, the newest first."""
        rows = self._connection.execute(
            """
            SELECT id, camera, number, appeared_at, left_at, confidence FROM events
            WHERE (:camera IS NULL OR camera = :camera) AND (:number IS NULL OR number = :number)
            AND (:since IS NULL OR appeared_at >= :since) AND (:until IS NULL OR appeared_at < :until)
            AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
            """,
            {name: getattr(question, name) for name in EventQuery.__slots__},
        )
        return [Event(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
