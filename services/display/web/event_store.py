"""The stored events: a SQLite table with one row for each number that appeared; old rows are deleted.

A second table has what the webhook still has to post. It is filled by triggers, so an event and its delivery are
stored together or not at all.
"""

import logging
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.display.events import EventKind
from services.display.web.schema import NUMBER, EventsQuery
from shared.state_files import is_damaged, set_aside
from shared.tables import PRAGMAS, DamagedFileError, check_tables, check_time
from shared.telemetry import metrics

DAY_S = 24 * 3600.0
MAX_EVENTS = 100_000  # 10 MB; a query that reads all of them takes 20 ms
RETRY_S = 10.0  # between two attempts to open the file
LOCKED_S = 0.1  # how long a write waits for another program that locks the file; the web server waits with it
TABLES = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    number TEXT NOT NULL,
    appeared_at REAL NOT NULL,
    left_at REAL,
    confidence REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_time ON events (appeared_at);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    kind TEXT NOT NULL,
    confidence REAL NOT NULL,
    problem TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (id) WHERE problem IS NULL;
"""
WEBHOOK = """
CREATE TEMP VIEW posts AS
    SELECT deliveries.id AS delivery, problem, event AS id, camera, number, appeared_at,
        CASE kind WHEN 'left' THEN left_at END AS left_at, deliveries.confidence AS confidence
    FROM deliveries JOIN events ON events.id = event;
CREATE TEMP TRIGGER appeared AFTER INSERT ON events BEGIN
    INSERT INTO deliveries (event, kind, confidence) VALUES (new.id, 'appeared', new.confidence);
END;
CREATE TEMP TRIGGER has_left AFTER UPDATE OF left_at ON events WHEN old.left_at IS NULL BEGIN
    INSERT INTO deliveries (event, kind, confidence) VALUES (new.id, 'left', new.confidence);
END;
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


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event for the webhook; problem is why its receiver refused it, None while it waits."""

    id: int
    problem: str | None
    event: Event


def connect(path: Path | None, has_webhook: bool) -> sqlite3.Connection:
    """Open or create the tables; None keeps them in memory. Raises sqlite3.Error, OSError, or UnicodeDecodeError.

    After a crash some events have no end; they end when they began, the latest time that is certain.
    """
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path or ":memory:", timeout=LOCKED_S, check_same_thread=False, isolation_level=None)
    try:
        connection.executescript(PRAGMAS + TABLES)
        check_tables(connection, TABLES)
        connection.executescript("PRAGMA foreign_keys = ON;" + (WEBHOOK if has_webhook else ""))
        connection.execute("UPDATE events SET left_at = appeared_at WHERE left_at IS NULL")
    except (sqlite3.Error, UnicodeDecodeError):
        connection.close()
        raise
    return connection


class EventStore:
    """The tables. For one thread at a time. Every method may raise sqlite3.Error.

    A damaged file is set aside, and a new one begins. While the file can't be opened, as on a full disk, that is tried
    again every RETRY_S.
    """

    def __init__(
        self,
        path: Path | None,
        days: float,
        *,
        max_events: int = MAX_EVENTS,
        has_webhook: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open or create the file; None keeps events in memory."""
        self._path, self._days, self._max_events, self._has_webhook = path, days, max_events, has_webhook
        self._clock = clock
        self._retry_at = -math.inf
        self._problem: Exception | None = None
        self._opened: sqlite3.Connection | None = None
        with suppress(sqlite3.Error):
            self._connection  # noqa: B018 - opens it

    @property
    def _connection(self) -> sqlite3.Connection:
        """The open file. Raises sqlite3.OperationalError while it can't be opened."""
        if not self._opened and self._clock() >= self._retry_at:
            self._opened = self._open()
        if not self._opened:
            raise sqlite3.OperationalError(f"events can't be stored in RUN_DIR ({self._problem})")
        return self._opened

    def _open(self) -> sqlite3.Connection | None:
        """Open the file; set it aside if it is damaged."""
        had_problem = self._problem is not None
        for _ in range(2):
            try:
                connection = connect(self._path, self._has_webhook)
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                self._problem = error
                if isinstance(error, OSError) or not self._set_aside(error):
                    break
            else:
                self._problem = None
                if had_problem:
                    logging.info("events are stored again")
                return connection
        self._retry_at = self._clock() + RETRY_S
        if not had_problem:
            logging.warning("events can't be stored in RUN_DIR (%s); trying again every %.0f s", self._problem, RETRY_S)
        return None

    def _set_aside(self, error: Exception) -> bool:
        """Set the file aside if the error means that it is damaged; return whether it was."""
        return bool(self._path and is_damaged(self._path, error) and set_aside(self._path, error))

    def add(self, event: Event) -> int:
        """Store a new event, delete those that are too old, and return its id; event.id is ignored."""
        with self._noticing_damage():
            return self._add(event)

    @contextmanager
    def _noticing_damage(self) -> Iterator[None]:
        """Set the file aside if it proves damaged; the next call begins a new one."""
        try:
            yield
        except sqlite3.Error as error:
            if self._opened and self._set_aside(error):
                self._opened.close()
                self._opened = None
            raise

    def _add(self, event: Event) -> int:
        waiting, _ = self.count_deliveries()
        self._connection.execute(
            "DELETE FROM events WHERE appeared_at < ? OR id <= (SELECT max(id) FROM events) - ?",
            (event.appeared_at - self._days * DAY_S, self._max_events),
        )
        metrics.EVENTS_LOST.labels("webhook").inc(waiting - self.count_deliveries()[0])
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
        select = """
            SELECT id, camera, number, appeared_at, left_at, confidence FROM events
            WHERE (:camera IS NULL OR camera = :camera) AND (:number IS NULL OR number = :number)
            AND (:since IS NULL OR appeared_at >= :since) AND (:until IS NULL OR appeared_at < :until)
            AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
            """
        values = msgspec.structs.asdict(query) | {"since": since, "until": until}
        with self._noticing_damage():
            return [to_event(row) for row in self._connection.execute(select, values)]

    def next_delivery(self, after: int) -> Delivery | None:
        """Return the first event that waits for the webhook, and whose delivery has a greater id than after."""
        waiting = "SELECT * FROM posts WHERE problem IS NULL AND delivery > ? ORDER BY delivery LIMIT 1"
        with self._noticing_damage():
            return next(map(to_delivery, self._connection.execute(waiting, (after,))), None)

    def find_refused(self, limit: int) -> Sequence[Delivery]:
        """Return the events that the webhook's receiver refused, the newest first."""
        refused = "SELECT * FROM posts WHERE problem IS NOT NULL ORDER BY delivery DESC LIMIT ?"
        with self._noticing_damage():
            return [to_delivery(row) for row in self._connection.execute(refused, (limit,))]

    def count_deliveries(self) -> tuple[int, int]:
        """Return how many events wait for the webhook, and how many its receiver refused."""
        (waiting,) = self._connection.execute("SELECT count(*) FROM deliveries WHERE problem IS NULL").fetchone()
        (all_deliveries,) = self._connection.execute("SELECT count(*) FROM deliveries").fetchone()
        return waiting, all_deliveries - waiting

    def is_delivery_stored(self, event: Event) -> bool:
        """Return whether an event was stored for the webhook, and not only published."""
        stored = "SELECT 1 FROM deliveries WHERE event = ? AND kind = ?"
        return bool(self._connection.execute(stored, (event.id, event.kind)).fetchone())

    def end_delivery(self, delivery_id: int, problem: str | None) -> None:
        """Delete a delivery that was made, or keep why it was refused."""
        if problem is None:
            self._connection.execute("DELETE FROM deliveries WHERE id = ?", (delivery_id,))
        else:
            self._connection.execute("UPDATE deliveries SET problem = ? WHERE id = ?", (problem, delivery_id))

    def close(self) -> None:
        """Close the file; nothing opens it again."""
        if self._opened:
            self._opened.close()
        self._opened, self._problem, self._retry_at = None, OSError("it is closed"), math.inf


def to_delivery(row: Sequence[Any]) -> Delivery:
    """Return a row of posts. Raises DamagedFileError."""
    delivery_id, problem, *values = row
    return Delivery(delivery_id, problem, to_event(values))


def to_event(row: Sequence[Any]) -> Event:
    """Return a row whose columns are the fields of an event. Raises DamagedFileError if it holds something else."""
    event = Event(**dict(zip(Event.__slots__, row, strict=True)))
    try:
        check_time(event.appeared_at)
        check_time(event.appeared_at if event.left_at is None else event.left_at)
        if not (NUMBER.fullmatch(event.number) and 0 <= event.confidence <= 1 and isinstance(event.camera, str)):
            raise ValueError("no number of a camera")
    except (ValueError, TypeError) as error:
        raise DamagedFileError(f"event {event.id} is broken: {error}") from error
    return event
