"""Checks whether a measurement was disturbed; a disturbed bench prints the reason instead of figures."""

import os
import sys
import time
from collections.abc import Sequence

import psutil

MAX_OTHERS = 0.08  # share of the machine that other processes, or other machines on its host, may have used
MIN_SAMPLES = 200  # with fewer, the 99th percentile is the second largest or luck
MAX_UNSEEN = 0.02  # share of frames whose end the bench may have missed
MAX_SKIPPED = 0.01  # share of frames that the recorded cameras may have skipped although a core was idle
IDLE = 0.1  # with this idle share of the machine, late cameras are not the pipeline's fault


class DisturbedError(Exception):
    """The measurement was disturbed; the text is a sentence with the cause."""


def count_usable_cores() -> int:
    """Return the number of cores that this process and its children may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else psutil.cpu_count() or 1


class CoreUsage:
    """How the machine's cores were used since this was created."""

    def __init__(self) -> None:
        self._began_at, self._before = time.monotonic(), psutil.cpu_times()

    def shares(self, own_s: float) -> tuple[float, float]:
        """Return the shares (0 to 1) of all cores used by others and idle; own_s is the CPU time of the bench."""
        after = psutil.cpu_times()
        spent = {name: getattr(after, name) - getattr(self._before, name) for name in after._fields}
        idle_s = spent["idle"] + spent.get("iowait", 0.0)
        busy_s = sum(spent.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
        total_s = (time.monotonic() - self._began_at) * psutil.cpu_count()
        return max(0.0, busy_s - own_s) / total_s, min(1.0, idle_s / total_s)


def check_cores(others: float) -> None:
    if others > MAX_OTHERS:
        raise DisturbedError(
            f"other processes used {others:.0%} of the cores, and {MAX_OTHERS:.0%} is the limit: "
            "stop them and try again."
        )


def check_samples(samples: Sequence[object]) -> None:
    if len(samples) < MIN_SAMPLES:
        raise DisturbedError(
            f"{len(samples)} frames were read, and a 99th percentile needs {MIN_SAMPLES}: "
            "measure for more --seconds, or more --cameras."
        )


def check_source(skipped: float, idle: float) -> None:
    if skipped > MAX_SKIPPED and idle > IDLE:
        raise DisturbedError(
            f"the recorded cameras skipped {skipped:.1%} of their frames while {idle:.0%} of the machine was idle: "
            "they could not keep their schedule."
        )


def check_unseen(unseen: float) -> None:
    if unseen > MAX_UNSEEN:
        raise DisturbedError(
            f"the bench missed how {unseen:.1%} of the frames ended: it got too little of the machine."
        )
