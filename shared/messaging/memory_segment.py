"""Named memory by multiprocessing.shared_memory, for systems without /dev/shm. It goes with its maker."""

import sys
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import cast


class MemorySegment:
    """A segment, with the methods of a MemoryFile (shared/messaging/shared_memory.py)."""

    def __init__(self, name: str, size_bytes: int = 0) -> None:
        """Make it with a size, or open it without. Raises OSError."""
        self._is_mine = size_bytes > 0
        self._memory = QuietSharedMemory(name, self._is_mine, size_bytes)
        if not self._is_mine and sys.platform != "win32":  # or this process would remove it when it ends (bpo-38119)
            resource_tracker.unregister(f"/{name}", "shared_memory")
        self.buffer: memoryview = cast("memoryview", self._memory.buf)

    def reserve(self, offset: int, length: int) -> None:
        """Do nothing: it has all of its memory."""

    def lock(self) -> bool:
        """Return whether this process made it."""
        return self._is_mine

    def is_removed(self) -> bool:
        """Return False: that cannot be known."""
        return False

    def close(self) -> None:
        """Remove it if this process made it."""
        if self._is_mine:
            with suppress(FileNotFoundError):
                self._memory.unlink()


class QuietSharedMemory(SharedMemory):
    """A SharedMemory that may be freed later than its object, because an array still uses it."""

    def __del__(self) -> None:
        with suppress(BufferError):
            super().__del__()
