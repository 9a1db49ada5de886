"""Files that outlive a run: a damaged one is set aside under another name, so that it never prevents a start."""

import logging
import os
import time
from pathlib import Path

SIDE_FILES = ("-wal", "-shm")  # of SQLite
# codes of SQLite, which is 1 MB that not every process needs
DAMAGED = {1, 11, 24, 26}  # SQLITE_ERROR (other tables than ours), _CORRUPT, _FORMAT, _NOTADB
UNUSABLE = {8, 14}  # SQLITE_READONLY, _CANTOPEN: also on a full disk


def set_aside(path: Path, problem: object) -> bool:
    """Rename a file or folder that can't be used, and log where it is now; return whether that was possible."""
    target = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1000:03}")
    try:
        path.rename(target)
        for suffix in SIDE_FILES:
            if path.with_name(path.name + suffix).exists():
                path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
    except OSError as error:
        logging.warning("%s can't be used (%s), nor set aside: %s", path, problem, error.strerror)
        return False
    logging.warning("%s can't be used (%s): it is now %s, and a new one begins", path, problem, target.name)
    return True


def is_damaged(path: Path, error: Exception) -> bool:
    """Return whether an error of SQLite means that the file is not what it should be, rather than a full disk.

    A name in a broken file that is not UTF-8 is a UnicodeDecodeError of Python's module.
    """
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # an error of Python's module itself has none
    if code in UNUSABLE:
        return path.exists() and not (path.is_file() and os.access(path, os.R_OK | os.W_OK))
    return code in DAMAGED
