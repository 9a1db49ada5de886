"""Judges whether a measurement was disturbed. A disturbed one is repeated; if all are, its figures are untrusted."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import psutil

MAX_OTHERS = 0.08  # share of the machine that other processes, or other machines on its host, may have used
MIN_SAMPLES = 200  # with fewer, the 99th percentile is the second largest or luck
MAX_UNSEEN = 0.02  # share of frames whose end the bench may have missed
MAX_SKIPPED = 0.01  # share of frames that the recorded cameras may have skipped although a core was idle
IDLE = 0.1  # with this idle share of the machine, late cameras are not the pipeline's fault
TRIES = 3  # a short disturbance should not cost a measurement

Row = dict[str, Any]  # the figures of one measurement; "others" is a share, "untrusted" a reason or ""
Repeat = Callable[[Callable[[], Row]], Row]


class DisturbedError(Exception):
    """Nothing could be measured; the text is a sentence with the cause."""


def repeat_until_trusted(measure: Callable[[], Row], tries: int = TRIES) -> Row:
    """Return the first trusted result, or of all tries the one with which others interfered least."""
    results = []
    for number in range(1, tries + 1):
        result = measure()
        if not result["untrusted"]:
            return result
        print(f"disturbed, try {number} of {tries}: {result['untrusted']}", file=sys.stderr)
        results.append(result)
    return min(results, key=lambda result: float(result["others"]))


def repeat_until_busy() -> Repeat:
    """Return a Repeat for many measurements: once all tries of one were disturbed, each later one has a single try."""
    is_busy = False

    def repeat(measure: Callable[[], Row]) -> Row:
        nonlocal is_busy
        result = repeat_until_trusted(measure, 1 if is_busy else TRIES)
        is_busy = is_busy or bool(result["untrusted"])
        return result

    return repeat


def find_untrusted(value: object) -> Iterator[str]:
    """Yield why any part of a result is untrusted."""
    if isinstance(value, Mapping):
        if value.get("untrusted"):
            yield str(value["untrusted"])
        for part in value.values():
            yield from find_untrusted(part)
    elif isinstance(value, list):
        for part in value:
            yield from find_untrusted(part)


def count_usable_cores() -> int:
    """Return the number of cores that this process and its children may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else psutil.cpu_count() or 1


class CoreUsage:
    """How the machine's cores were used since this was created."""

    def __init__(self) -> None:
        self._began_at, self._before = time.monotonic(), psutil.cpu_times()
        self._processes = read_process_times()

    def shares(self, own_s: float) -> tuple[float, float]:
        """Return the shares (0 to 1) of all cores used by others and idle; own_s is the CPU time of the bench.

        Others are processes, with their children that have ended, and other machines on this one's host. The system's
        busy time is no measure of them: it is sampled, and was 9 % of the machine too high where processes often sleep.
        """
        after = psutil.cpu_times()
        spent = {name: getattr(after, name) - getattr(self._before, name) for name in after._fields}
        idle_s, stolen_s = spent["idle"] + spent.get("iowait", 0.0), spent.get("steal", 0.0)
        # Sums, not differences by process: one that has ended hands its time to its parent.
        running_s = sum(read_process_times().values()) - sum(self._processes.values())
        total_s = (time.monotonic() - self._began_at) * psutil.cpu_count()
        return max(0.0, running_s + stolen_s - own_s) / total_s, min(1.0, idle_s / total_s)


def read_process_times() -> dict[int, float]:
    """Return the CPU time of every process and of its children that have ended, in seconds, by process ID."""
    times = {process.pid: process.info["cpu_times"] for process in psutil.process_iter(["cpu_times"])}
    return {pid: sum(one[:4]) for pid, one in times.items() if one}


def judge_cores(others: float) -> str:
    """Return why the figures are not to be trusted; "" if they are. So do the functions below."""
    if others <= MAX_OTHERS:
        return ""
    return f"other processes used {others:.0%} of the cores, and {MAX_OTHERS:.0%} is the limit"


def judge_samples(samples: Sequence[object]) -> str:
    if len(samples) >= MIN_SAMPLES:
        return ""
    return f"{len(samples)} frames were read, and a 99th percentile needs {MIN_SAMPLES}"


def judge_source(skipped: float, idle: float) -> str:
    if skipped <= MAX_SKIPPED or idle <= IDLE:
        return ""
    return (
        f"the recorded cameras skipped {skipped:.1%} of their frames while {idle:.0%} of the machine was idle: "
        "they could not keep their schedule"
    )


def judge_unseen(unseen: float) -> str:
    if unseen <= MAX_UNSEEN:
        return ""
    return f"the bench missed how {unseen:.1%} of the frames ended: it got too little of the machine"


def check_due(frames: float) -> None:
    """Raise DisturbedError if a load is too small for a 99th percentile, before it is measured."""
    if frames < MIN_SAMPLES:
        raise DisturbedError(
            f"{frames:.0f} frames are due in this time, and a 99th percentile needs {MIN_SAMPLES}: "
            "measure for more --seconds, or more --cameras."
        )
