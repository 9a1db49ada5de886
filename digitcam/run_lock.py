"""Keeps a second pipeline out of a RUN_DIR: it would take the sockets and scrape targets of the first."""

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shared.settings import ConfigError
from shared.state_files import clear_place, make_folder

FULL = {errno.ENOSPC, errno.EDQUOT}

try:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except ImportError:  # Windows
    import msvcrt

    def _lock(file: IO[str]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]


@contextmanager
def hold_lock(run_dir: Path, name: str, try_again: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold the lock of a line, such as queue.1. The system frees it when this process ends, however it ends.

    Each line has its own, so that single lines can be started by hand. While it is held, try_again waits a moment and
    returns whether to try again. Raises ConfigError if it is still held then.
    """
    folder = run_dir / "locks"
    try:
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # events, recordings and corrections are nobody else's
        make_folder(folder)
        clear_place(folder / name)
        file = (folder / name).open("a")
    except OSError as error:
        if error.errno in FULL:
            logging.warning("RUN_DIR=%s is full: running without a lock against a second pipeline", run_dir)
            yield
            return
        raise ConfigError(
            f"RUN_DIR={run_dir} can't be written ({error.strerror}): set it to another folder."
        ) from error
    with file:
        while not _is_locked(file):
            if not try_again():
                raise ConfigError(
                    f"{name} runs already in RUN_DIR={run_dir}: stop that pipeline first. A second one needs its own "
                    "RUN_DIR, WEB_PORT and PROMETHEUS_PORT."
                )
        yield


def _is_locked(file: IO[str]) -> bool:
    """Return whether this process has the lock now."""
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):  # PermissionError on Windows
        return False
    except OSError:  # some network file systems have no locks
        pass
    return True
