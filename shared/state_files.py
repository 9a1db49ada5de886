"""Files that outlive a run: a damaged one is set aside under another name, so that it never prevents a start."""

import logging
import os
import stat
import time
from pathlib import Path

MAX_BYTES = 64 * 1024  # of a list or a note: a path has 4 kB at most, 16 cameras with the longest addresses 20
SIDE_FILES = ("-wal", "-shm", "-journal")  # of SQLite
# codes of SQLite, which is 1 MB that not every process needs
DAMAGED = {1, 11, 24, 26}  # SQLITE_ERROR (other tables than ours), _CORRUPT, _FORMAT, _NOTADB
UNUSABLE = {8, 10, 14}  # SQLITE_READONLY, _IOERR, _CANTOPEN: also on a full disk


def set_aside(path: Path, problem: object) -> bool:
    """Rename what can't be used: a file, a folder, a link. Log where it is now; return whether that was possible."""
    target = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1000:03}")
    try:
        for suffix in ("", *SIDE_FILES):
            if os.path.lexists(place := path.with_name(path.name + suffix)):
                place.rename(target.with_name(target.name + suffix))
    except OSError as error:
        logging.warning("%s can't be used (%s), nor set aside: %s", path, problem, error.strerror)
        return False
    logging.warning("%s can't be used (%s): it is now %s, and a new one begins", path, problem, target.name)
    return True


def make_folder(path: Path) -> None:
    """Make a folder unless it is there; what lies in its place is set aside. Raises OSError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # a file, or a link that leads to no folder
        if not set_aside(path, "it is no folder"):
            raise
        path.mkdir(parents=True, exist_ok=True)


def clear_place(path: Path) -> None:
    """Set aside what lies in the place of a file and is none."""
    if os.path.lexists(path) and not path.is_file():
        set_aside(path, "it is no file")


def read_state(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a file. Raises OSError, or ValueError for what is no file or larger.

    A pipe would block for ever, and a device have no end.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > max_bytes:
        raise ValueError(f"it is no file of at most {max_bytes} bytes")
    return path.read_bytes()


def write_state(path: Path, text: str, mode: int = 0o666) -> None:
    """Replace a file all at once, so that no reader sees half of it. Raises OSError."""
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.part")
    clear_place(draft)
    clear_place(path)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def is_damaged(path: Path, error: Exception) -> bool:
    """Return whether an error of SQLite means that the file is not what it should be, rather than a full disk.

    A name in a broken file that is not UTF-8 is a UnicodeDecodeError of Python's module.
    """
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # an error of Python's module itself has none
    if code in UNUSABLE:
        return not all(is_usable(path.with_name(path.name + suffix)) for suffix in ("", *SIDE_FILES))
    return code in DAMAGED


def is_usable(path: Path) -> bool:
    """Return whether this is a file that can be read and written, or nothing is there yet."""
    return not os.path.lexists(path) or (path.is_file() and os.access(path, os.R_OK | os.W_OK))
