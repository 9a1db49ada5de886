"""How each frame of a file ended: a SQLite table in RUN_DIR. A frame is in it once, however often it was read.

The display writes it before it tells the queue that a frame is recorded. So what a display has shown is known to the
next one, and a program that follows the readings can go on where it was.
"""

import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgpack

from shared.messaging.message_fields import FIELDS
from shared.messaging.messages import FilePosition
from shared.pipeline import Outcome
from shared.state_files import is_damaged, set_aside
from shared.tables import PRAGMAS, DamagedFileError, check_tables, check_time
from shared.vision.digit import Digit

T = TypeVar("T")

FILE = "readings.sqlite"
EDITION = re.compile(r"[0-9a-f]{8}")
LOCKED_S = 1.0  # how long a write waits for another program that locks the file
KEPT_STAMPS = 2  # of each camera: its file as it is now, and as it was before
TABLES = """
CREATE TABLE IF NOT EXISTS frames (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    camera TEXT NOT NULL,
    stamp TEXT NOT NULL,
    position INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    captured_at REAL NOT NULL,
    outcome TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    digits BLOB NOT NULL,
    UNIQUE (camera, stamp, position)
) STRICT;
CREATE TABLE IF NOT EXISTS edition (name TEXT NOT NULL) STRICT;
"""
COLUMNS = "id, camera, stamp, position, seq, captured_at, outcome, width, height, digits"
INSERT = f"INSERT OR IGNORE INTO frames ({COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
PRUNE = """
DELETE FROM frames WHERE camera = ?1 AND stamp NOT IN (
    SELECT stamp FROM frames WHERE camera = ?1 GROUP BY stamp ORDER BY max(id) DESC LIMIT ?2)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """How a frame ended. The digits are those of this frame alone, with boxes in pixels of its picture."""

    id: str = ""  # the edition of the file and a number that grows; empty before it is stored
    camera: str
    position: FilePosition
    seq: int
    captured_at: float  # seconds since 1970
    outcome: Outcome
    width: int
    height: int
    digits: tuple[Digit, ...]


class FrameRecords:
    """The table, for any thread. Every method may raise sqlite3.Error; a damaged file is set aside, and one begins."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / FILE
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._inode = 0
        self._stamps: dict[str, str] = {}  # of each camera, the one of its last frame
        self._edition = ""  # another one in each new file, where numbers begin again

    def add(self, records: Sequence[FrameRecord]) -> list[FrameRecord]:
        """Store records, all or none; return those that were there already."""
        return self._use(lambda connection: self._add(connection, records))

    def _add(self, connection: sqlite3.Connection, records: Sequence[FrameRecord]) -> list[FrameRecord]:
        with connection:  # a transaction
            connection.execute("BEGIN")
            known = [record for record in records if not connection.execute(INSERT, to_row(record)).rowcount]
            for camera, stamp in {record.camera: record.position.stamp for record in records}.items():
                if self._stamps.get(camera) != stamp:
                    connection.execute(PRUNE, (camera, KEPT_STAMPS))
        self._stamps |= {record.camera: record.position.stamp for record in records}
        return known

    def find_after(self, last_id: str, camera: str | None, limit: int) -> list[FrameRecord]:
        """Return the records after one, of a camera or of all, in order; from the first if that is of another file."""
        query = f"SELECT {COLUMNS} FROM frames WHERE id > ? AND (?2 IS NULL OR camera = ?2) ORDER BY id LIMIT ?3"  # noqa: S608
        edition, _, number = last_id.rpartition("-")

        def find(connection: sqlite3.Connection) -> list[FrameRecord]:
            rows = connection.execute(query, (int(number) if edition == self._edition else 0, camera, limit))
            return [to_record(row, self._edition) for row in rows]

        return self._use(find)

    def find_last_id(self) -> str:
        """Return the id of the newest record; "" if there is none."""
        if not self._path.exists():
            return ""

        def find(connection: sqlite3.Connection) -> str:
            (last,) = connection.execute("SELECT max(id) FROM frames").fetchone()
            return f"{self._edition}-{last or 0}"

        return self._use(find)

    def list_outcomes(self, camera: str, stamp: str) -> Iterator[tuple[int, Outcome]]:
        """Yield the index and the outcome of each recorded frame of a file."""
        query = "SELECT position, outcome FROM frames WHERE camera = ? AND stamp = ? ORDER BY position"
        if not self._path.exists():
            return iter(())
        return iter(self._use(lambda connection: list(map(to_outcome, connection.execute(query, (camera, stamp))))))

    def _use(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the open file; if it is damaged, with a new one."""
        with self._lock:
            try:
                return action(self._open())
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self._close()
                if not (is_damaged(self._path, error) and set_aside(self._path, error)):
                    raise
            return action(self._open())

    def _open(self) -> sqlite3.Connection:
        if self._opened and self._inode != read_inode(self._path):  # it was deleted, or set aside by another process
            self._close()
        if not self._opened:
            self._opened = self._connect()
            self._inode = read_inode(self._path)
        return self._opened

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        connection = sqlite3.connect(self._path, timeout=LOCKED_S, check_same_thread=False, isolation_level=None)
        try:
            connection.executescript(PRAGMAS + TABLES)
            check_tables(connection, TABLES)
            connection.execute(
                "INSERT INTO edition SELECT ? WHERE NOT EXISTS (SELECT 1 FROM edition)", (secrets.token_hex(4),)
            )
            (self._edition,) = connection.execute("SELECT name FROM edition").fetchone()
            if not EDITION.fullmatch(self._edition):
                raise DamagedFileError("its edition is wrong")
        except (sqlite3.Error, UnicodeDecodeError):
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._opened:
            with suppress(sqlite3.Error):
                self._opened.close()
        self._opened, self._stamps = None, {}


def read_inode(path: Path) -> int:
    """Return a number that is another one for another file; 0 without one."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def to_row(record: FrameRecord) -> tuple[object, ...]:
    """Return the columns of a record without its id."""
    return (
        record.camera,
        record.position.stamp,
        record.position.index,
        record.seq,
        record.captured_at,
        record.outcome,
        record.width,
        record.height,
        msgpack.packb([digit.to_row() for digit in record.digits]),
    )


def to_record(row: Sequence[Any], edition: str) -> FrameRecord:
    """Return the record of a row of COLUMNS. Raises DamagedFileError."""
    number, camera, stamp, index, seq, captured_at, outcome, width, height, digits = row
    try:
        rows = msgpack.unpackb(digits)
        check_time(captured_at)
        checked = {"outcome": outcome, "width": width, "height": height, "digits": rows, "position": [stamp, index]}
        if wrong := [name for name, value in checked.items() if not FIELDS[name].is_valid(value)]:
            raise ValueError(f"it has a wrong {wrong[0]}")
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DamagedFileError(f"frame {number} is broken: {error}") from error
    return FrameRecord(
        id=f"{edition}-{number}",
        camera=camera,
        position=FilePosition(stamp, index),
        seq=seq,
        captured_at=captured_at,
        outcome=Outcome(outcome),
        width=width,
        height=height,
        digits=tuple(map(Digit.from_row, rows)),
    )


def to_outcome(row: Sequence[Any]) -> tuple[int, Outcome]:
    """Return the index and the outcome in a row. Raises DamagedFileError."""
    index, outcome = row
    try:
        return index, Outcome(outcome)
    except ValueError as error:
        raise DamagedFileError(f"frame {index} is broken: {error}") from error
