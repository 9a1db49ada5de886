"""The stored events: a SQLite table with one row for each number that appeared; old rows are deleted."""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from services.display.events import EventKind
from services.display.web.schema import EventsQuery

DAY_S = 24 * 3600.0
MAX_EVENTS = 100_000  # 10 MB; a query that reads all of them takes 20 ms
LOCKED_MS = 100  # how long a write waits for another program that locks the file; the web server waits with it
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A number that appeared in front of a camera; times in seconds since 1970, left_at is None while it is there."""

    id: int
    camera: str
    number: str
    appeared_at: float
    left_at: float | None
    confidence: float

    @property
    def kind(self) -> EventKind:
        return EventKind.APPEARED if self.left_at is None else EventKind.LEFT


class EventStore:
    """The table. For one thread at a time."""

    def __init__(self, path: Path, days: float) -> None:
        """Open or create the file. Raises sqlite3.Error or OSError if that fails.

        After a crash some events have no end; they end when they began, the latest time that is certain.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._days = days
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + TABLE)
        self._connection.execute("UPDATE events SET left_at = appeared_at WHERE left_at IS NULL")
        self._connection.execute(f"PRAGMA busy_timeout = {LOCKED_MS}")

    def add(self, event: Event) -> int:
        """Store a new event, delete those that are too old, and return its id; event.id is ignored."""
        delete = self._connection.execute
        delete("DELETE FROM events WHERE appeared_at < ?", (event.appeared_at - self._days * DAY_S,))
        delete("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (MAX_EVENTS,))
        added = self._connection.execute(
            "INSERT INTO events (camera, number, appeared_at, confidence) "
            "VALUES (:camera, :number, :appeared_at, :confidence)",
            asdict(event),
        )
        return added.lastrowid or 0

    def end(self, event: Event) -> None:
        """Store when the number left, and its final confidence."""
        self._connection.execute(
            "UPDATE events SET left_at = :left_at, confidence = :confidence WHERE id = :id", asdict(event)
        )

    def find(self, query: EventsQuery) -> Sequence[Event]:
        """Return the selected events, the newest first: since <= appeared_at < until, and id < before."""
        since, until = (moment and moment.timestamp() for moment in (query.since, query.until))
        rows = self._connection.execute(
            """
            SELECT id, camera, number, appeared_at, left_at, confidence FROM events
            WHERE (:camera IS NULL OR camera = :camera) AND (:number IS NULL OR number = :number)
            AND (:since IS NULL OR appeared_at >= :since) AND (:until IS NULL OR appeared_at < :until)
            AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
            """,
            msgspec.structs.asdict(query) | {"since": since, "until": until},
        )
        names = [column[0] for column in rows.description]
        return [Event(**dict(zip(names, row, strict=True))) for row in rows]

    def close(self) -> None:
        self._connection.close()
