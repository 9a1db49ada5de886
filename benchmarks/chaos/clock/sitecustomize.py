"""Makes time.time() and time.time_ns() of a process follow the link that an environment variable names.

Python imports a module of this name as it starts. The product reads the wall clock by these two only, but for the names
of recordings and certificates.
"""

import os
import time
from collections.abc import Callable

VARIABLE = "DIGITCAM_CHAOS_CLOCK"


def follow(path: str, read_ns: Callable[[], int] = time.time_ns) -> None:
    """Replace the clock of this process."""

    def time_ns() -> int:
        return read_ns() + round(float(os.readlink(path)) * 1e9)  # noqa: PTH115 - pathlib takes 20 ms to import

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if VARIABLE in os.environ:
    follow(os.environ[VARIABLE])
