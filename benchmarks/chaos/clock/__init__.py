"""A wall clock that can be set while a pipeline runs: its processes import the sitecustomize.py of this folder.

libfaketime (0.9.10) can't be used: with time.monotonic() left true, as it is on a real system, sleeping fails.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.chaos.clock.sitecustomize import VARIABLE


class WallClock:
    """A link whose target says by how many seconds the clock is ahead: it is read without a descriptor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set_ahead(0.0)

    def set_ahead(self, seconds: float) -> None:
        """Set the clock."""
        draft = self._path.with_suffix(".part")
        draft.symlink_to(str(seconds))
        draft.replace(self._path)

    def environment(self) -> dict[str, str]:
        """Return what makes a Python process use this clock."""
        folders = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        return {VARIABLE: str(self._path), "PYTHONPATH": os.pathsep.join(filter(None, folders))}


@contextmanager
def make_wall_clock() -> Iterator[WallClock]:
    """Yield a clock that is right."""
    with TemporaryDirectory(prefix="digitcam-clock-") as folder:
        yield WallClock(Path(folder) / "clock")
