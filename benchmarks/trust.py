"""Whether a figure may be printed: a bench that was disturbed says so in one sentence instead."""

import os
import sys
import time
from collections.abc import Sequence

import psutil

MOST_OTHERS = 0.08  # share of the machine that other processes, or other machines on its host, may have had
FEWEST_SAMPLES = 200  # the 99th percentile of fewer is the second largest, or luck
MOST_UNSEEN = 0.02  # share of frames whose end the bench may have missed
MOST_LEFT_OUT = 0.01  # share of pictures that the recorded cameras may have skipped although a core was idle
IDLE = 0.1  # share of the machine that was idle: then nothing that the pipeline did kept the cameras from their times


class UntrustedError(Exception):
    """The measurement was disturbed; the text is a sentence that says by what."""


def usable_cores() -> int:
    """The cores that this process and those that it starts may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else psutil.cpu_count() or 1


class Cores:
    """Who had the machine's cores since this was made."""

    def __init__(self) -> None:
        self._began_at, self._before = time.monotonic(), psutil.cpu_times()

    def shares(self, own_s: float) -> tuple[float, float]:
        """The shares (0 to 1) of all cores that others had and that were idle; own_s is the CPU time we know of."""
        after = psutil.cpu_times()
        spent = {name: getattr(after, name) - getattr(self._before, name) for name in after._fields}
        idle_s = spent["idle"] + spent.get("iowait", 0.0)
        busy_s = sum(spent.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
        room_s = (time.monotonic() - self._began_at) * psutil.cpu_count()
        return max(0.0, busy_s - own_s) / room_s, min(1.0, idle_s / room_s)


def check_cores(others: float) -> None:
    """Raise UntrustedError where other processes had too much of the machine."""
    if others > MOST_OTHERS:
        raise UntrustedError(
            f"other processes had {others:.0%} of the cores, and {MOST_OTHERS:.0%} is the most: "
            "stop them and try again."
        )


def check_samples(samples: Sequence[object]) -> None:
    """Raise UntrustedError where percentiles would be luck."""
    if len(samples) < FEWEST_SAMPLES:
        raise UntrustedError(
            f"{len(samples)} frames were read, and a 99th percentile needs {FEWEST_SAMPLES}: "
            "measure for more --seconds, or more --cameras."
        )


def check_source(left_out: float, idle: float) -> None:
    """Raise UntrustedError where the recorded cameras were late although the machine had time for them."""
    if left_out > MOST_LEFT_OUT and idle > IDLE:
        raise UntrustedError(
            f"the recorded cameras left out {left_out:.1%} of their pictures while {idle:.0%} of the machine was idle: "
            "they could not keep their times."
        )


def check_sight(unseen: float) -> None:
    """Raise UntrustedError where the bench itself did not see how frames ended."""
    if unseen > MOST_UNSEEN:
        raise UntrustedError(
            f"the bench missed how {unseen:.1%} of the frames ended: it got too little of the machine."
        )
