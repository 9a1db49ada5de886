"""Stores the labels that users gave to misread digits, in SQLite on this machine; `digitcam learn` trains on them."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.state_files import is_damaged, set_aside
from shared.tables import DamagedFileError, check_tables, check_time
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import SIDE_PX

FILE = "corrections.sqlite"
MAX_CORRECTIONS = 2_000  # 2 MB
MAX_PER_MINUTE = 60  # no user looks and labels faster
MAX_ID = 2**53 - 1  # the largest integer of JSON
TABLE = f"""
CREATE TABLE IF NOT EXISTS corrections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    camera TEXT NOT NULL,
    at REAL NOT NULL,
    label INTEGER NOT NULL CHECK (label BETWEEN 0 AND {NOT_A_DIGIT}),
    predicted INTEGER NOT NULL CHECK (predicted BETWEEN 0 AND {NOT_A_DIGIT}),
    image BLOB NOT NULL CHECK (length(image) = {SIDE_PX**2})
) STRICT
"""  # AUTOINCREMENT: the id of a deleted correction, which a browser may still show, is never given to another


class CorrectionLimitError(Exception):
    """Why no more corrections are stored, in one sentence."""


@dataclass(frozen=True, slots=True)
class ClassifiedCrop:
    """An input of the classifier (28 x 28 uint8, ink bright on black), and the class it was read as, 0 to 10."""

    camera: str
    image: NDArray[np.uint8]
    predicted: int


@dataclass(frozen=True, slots=True)
class Correction:
    """The true label of a crop, 0 to 9 or NOT_A_DIGIT; at is in seconds since 1970."""

    id: int
    at: float
    label: int
    crop: ClassifiedCrop


class CorrectionStore:
    """The table in a folder; the first correction creates the file. Every method may raise sqlite3.Error."""

    def __init__(self, folder: Path, wall: Callable[[], float] = time.time) -> None:
        self.path = folder / FILE
        self._wall = wall

    def add(self, crop: ClassifiedCrop, label: int) -> Correction:
        """Store a correction. Raises CorrectionLimitError if there are too many, or too many this minute; OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        at = self._wall()
        with self._open() as table:
            stored, lately = table.execute("SELECT count(*), total(at > ?) FROM corrections", (at - 60,)).fetchone()
            if stored >= MAX_CORRECTIONS:
                raise CorrectionLimitError(
                    f"{MAX_CORRECTIONS} corrections are stored already: delete some of them first"
                )
            if lately >= MAX_PER_MINUTE:
                raise CorrectionLimitError(f"{MAX_PER_MINUTE} corrections came within a minute: wait a little")
            added = table.execute(
                "INSERT INTO corrections (camera, at, label, predicted, image) VALUES (?, ?, ?, ?, ?)",
                (crop.camera, at, label, crop.predicted, crop.image.tobytes()),
            )
            return Correction(added.lastrowid or 0, at, label, crop)

    def fetch(self, before: int = MAX_ID, limit: int = MAX_CORRECTIONS) -> Sequence[Correction]:
        """Return at most `limit` corrections with ids below `before`, the newest first."""
        if not self.path.is_file():
            return []
        with self._open() as table:
            rows = table.execute(
                "SELECT id, at, label, camera, image, predicted FROM corrections WHERE id < ? ORDER BY id DESC LIMIT ?",
                (before, limit),
            )
            return [read_row(*row) for row in rows]

    def delete(self, correction: int) -> bool:
        """Delete the correction with an id; return whether there was one."""
        if not self.path.is_file():
            return False
        with self._open() as table:
            return table.execute("DELETE FROM corrections WHERE id = ?", (correction,)).rowcount > 0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction: corrections are rare, and `digitcam learn` reads the file too.

        A damaged file is set aside; the error says so, and the next transaction begins a new one.
        """
        try:
            with closing(sqlite3.connect(self.path)) as table, table:
                table.execute(TABLE)
                check_tables(table, TABLE)
                yield table
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if is_damaged(self.path, error) and set_aside(self.path, error):
                raise sqlite3.DatabaseError(f"{error}; it was set aside: try again") from error
            raise sqlite3.DatabaseError(str(error)) from error


def read_row(id_: int, at: float, label: int, camera: str, pixels: bytes, predicted: int) -> Correction:  # noqa: PLR0917
    """Return a stored correction. Raises DamagedFileError if the row holds something else."""
    try:
        image = np.frombuffer(pixels, np.uint8).reshape(SIDE_PX, SIDE_PX)
        check_time(at)
        if not (isinstance(camera, str) and 0 <= label <= NOT_A_DIGIT and 0 <= predicted <= NOT_A_DIGIT):
            raise ValueError("no such camera or label")
    except (ValueError, TypeError) as error:
        raise DamagedFileError(f"correction {id_} is broken: {error}") from error
    return Correction(id_, at, label, ClassifiedCrop(camera, image, predicted))
