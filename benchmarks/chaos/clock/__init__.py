"""A wall clock that can be set while a pipeline runs: its processes import the sitecustomize.py of this folder.

libfaketime (0.9.10) can't be used: with time.monotonic() left true, as it is on a real system, sleeping fails.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from benchmarks.chaos.clock.sitecustomize import VARIABLE


class WallClock:
    """A file that says by how many seconds the clock is ahead of the true time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set_ahead(0.0)

    def set_ahead(self, seconds: float) -> None:
        """Set the clock."""
        self._path.write_text(str(seconds))

    def environment(self) -> dict[str, str]:
        """Return what makes a Python process use this clock."""
        folders = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        return {VARIABLE: str(self._path), "PYTHONPATH": os.pathsep.join(filter(None, folders))}


@contextmanager
def make_wall_clock() -> Iterator[WallClock]:
    """Yield a clock that is right."""
    with NamedTemporaryFile(prefix="digitcam-clock-") as file:
        yield WallClock(Path(file.name))
