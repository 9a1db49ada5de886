"""Named memory that the processes of one user on one host share: files in /dev/shm, or shared_memory elsewhere.

Files are better: they take no memory before they are written to, and a start can remove what an earlier run left.
"""

# ruff: noqa: PLC0415 - what one system has and another has not
import mmap
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

FOLDER = Path("/dev/shm")  # noqa: S108 - files there are memory; they are made with O_EXCL and mode 0600
PREFIX = "digitcam-"


class NamedMemory(Protocol):
    """A MemoryFile, or a MemorySegment."""

    buffer: memoryview

    def reserve(self, offset: int, length: int) -> None: ...
    def lock(self) -> bool: ...
    def is_removed(self) -> bool: ...
    def close(self) -> None: ...


class MemoryFile:
    """A file in FOLDER, which stays mapped as long as anything refers to its buffer."""

    def __init__(self, name: str, size_bytes: int = 0) -> None:
        """Make it with a size, or open it without. Raises OSError, also if it belongs to another user."""
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if size_bytes else 0)
        self._path = FOLDER / name
        self._descriptor = os.open(self._path, flags, 0o600)
        try:
            if size_bytes:
                os.ftruncate(self._descriptor, size_bytes)
            status = os.fstat(self._descriptor)
            if status.st_uid != os.geteuid() or not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
                raise PermissionError(f"{self._path} belongs to another user")
            if not status.st_size:
                raise OSError(f"{self._path} is empty")
            self.buffer = memoryview(mmap.mmap(self._descriptor, status.st_size))
        except OSError:
            self.close()
            raise

    def reserve(self, offset: int, length: int) -> None:
        """Back a part by memory, since writing to it could otherwise end the process. Raises OSError."""
        os.posix_fallocate(self._descriptor, offset, length)

    def lock(self) -> bool:
        """Lock it until this process ends or closes it; return False if another process has."""
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_removed(self) -> bool:
        """Return whether it can't be opened any more."""
        return not self._path.exists()

    def close(self) -> None:
        """Free what reserve() and lock() need."""
        os.close(self._descriptor)


def has_files() -> bool:
    """Return whether this system has memory in files."""
    return sys.platform == "linux"


def make_memory(name: str, size_bytes: int) -> NamedMemory:
    """Return new memory, all zeros. Raises OSError."""
    if has_files():
        return MemoryFile(PREFIX + name, size_bytes)
    from shared.messaging.memory_segment import MemorySegment

    return MemorySegment(PREFIX + name, size_bytes)


def open_memory(name: str) -> NamedMemory:
    """Return the memory of this name, made by a process of the same user. Raises OSError."""
    return make_memory(name, 0)


def remove_memory(name: str) -> None:
    """Remove the name; who uses the memory keeps it. A segment is removed by the process that made it."""
    if has_files():
        with suppress(OSError):
            (FOLDER / (PREFIX + name)).unlink()


def list_memory() -> list[str]:
    """Return the names of all memory in files, of any user."""
    return [path.name.removeprefix(PREFIX) for path in FOLDER.glob(PREFIX + "*")] if has_files() else []


def count_free_bytes() -> int:
    """Return how much memory new files may take. Raises OSError if there is no FOLDER."""
    if not has_files():
        return sys.maxsize
    status = os.statvfs(FOLDER)
    return status.f_bavail * status.f_frsize
