"""What people said that digits really were: a table in SQLite on this machine, which `digitcam learn` teaches from."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import SIDE_PX

FILE = "corrections.sqlite"
MAX_CORRECTIONS = 2_000  # 2 MB
MAX_PER_MINUTE = 60  # a person looks before they say
MAX_ID = 2**53 - 1  # that JSON's numbers hold
TABLE = f"""
CREATE TABLE IF NOT EXISTS corrections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    camera TEXT NOT NULL,
    at REAL NOT NULL,
    label INTEGER NOT NULL CHECK (label BETWEEN 0 AND {NOT_A_DIGIT}),
    said INTEGER NOT NULL CHECK (said BETWEEN 0 AND {NOT_A_DIGIT}),
    image BLOB NOT NULL CHECK (length(image) = {SIDE_PX**2})
) STRICT
"""  # AUTOINCREMENT: what a page still shows of a deleted one never names another


class CorrectionLimitError(Exception):
    """Why no more is kept, in a sentence."""


@dataclass(frozen=True, slots=True)
class ClassifiedCrop:
    """What the reader saw of one place (28 x 28 uint8, ink bright on black), and what was said of it, 0 to 10."""

    camera: str
    image: NDArray[np.uint8]
    said: int


@dataclass(frozen=True, slots=True)
class Correction:
    """That something seen at a time (seconds since 1970) really was a label: 0 to 9, or NOT_A_DIGIT."""

    id: int
    at: float
    label: int
    seen: ClassifiedCrop


class CorrectionStore:
    """The table in a folder; the file is made with the first correction. Every method may raise sqlite3.Error."""

    def __init__(self, folder: Path, wall: Callable[[], float] = time.time) -> None:
        self.path = folder / FILE
        self._wall = wall

    def add(self, seen: ClassifiedCrop, label: int) -> Correction:
        """Keep a correction. Raises FullError where there are too many, or too many of this minute; OSError too."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        at = self._wall()
        with self._open() as table:
            table.execute(TABLE)
            check_room(table, at)
            added = table.execute(
                "INSERT INTO corrections (camera, at, label, said, image) VALUES (?, ?, ?, ?, ?)",
                (seen.camera, at, label, seen.said, seen.image.tobytes()),
            )
            return Correction(added.lastrowid or 0, at, label, seen)

    def ask(self, before: int = MAX_ID, limit: int = MAX_CORRECTIONS) -> Sequence[Correction]:
        """Return corrections, the newest first: those before an id, at most so many."""
        if not self.path.is_file():
            return []
        with self._open() as table:
            rows = table.execute(
                "SELECT id, camera, at, label, said, image FROM corrections WHERE id < ? ORDER BY id DESC LIMIT ?",
                (before, limit),
            )
            return [to_correction(row) for row in rows]

    def drop(self, correction: int) -> bool:
        """Forget a correction; False where there is none of this id."""
        if not self.path.is_file():
            return False
        with self._open() as table:
            return table.execute("DELETE FROM corrections WHERE id = ?", (correction,)).rowcount > 0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for a moment: a person corrects now and then, and `digitcam learn` reads it too."""
        with closing(sqlite3.connect(self.path)) as table, table:
            yield table


def check_room(table: sqlite3.Connection, at: float) -> None:
    """Raise CorrectionLimitError where no more is to be kept now."""
    kept, lately = table.execute("SELECT count(*), total(at > ?) FROM corrections", (at - 60,)).fetchone()
    if kept >= MAX_CORRECTIONS:
        raise CorrectionLimitError(f"{MAX_CORRECTIONS} corrections are kept already: delete some of them first")
    if lately >= MAX_PER_MINUTE:
        raise CorrectionLimitError(f"{MAX_PER_MINUTE} corrections came within a minute: wait a little")


def to_correction(row: tuple[int, str, float, int, int, bytes]) -> Correction:
    """Return a row of the table."""
    number, camera, at, label, said, image = row
    return Correction(
        number, at, label, ClassifiedCrop(camera, np.frombuffer(image, np.uint8).reshape(SIDE_PX, SIDE_PX), said)
    )
