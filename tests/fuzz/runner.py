"""Feeds mutated inputs to a part of the program, and finds what it should never do."""

import os
import random
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import psutil

SLOW_S = 0.1  # of CPU, for one input
GROWN_MB = 50.0  # of a process, after the first tenth of the inputs
TRIES = 3  # the least CPU time of these counts: others use the caches too
FAILURES_SHOWN = 10


class Target(Protocol):
    """A part of the program that takes inputs from outside.

    One that runs in processes of its own has their ids as pids; else it is the memory of this process that may not
    grow.
    """

    name: str

    def make_input(self, random: random.Random) -> Any:
        """Return one input."""

    def feed(self, given: Any) -> str:
        """Give an input to the program; return what it made of it. Any exception is a failure."""

    def close(self) -> list[str]:
        """End what was started, and return what went wrong besides exceptions."""


@dataclass(slots=True)
class FuzzReport:
    """What came of the inputs to one target."""

    target: str
    inputs: int
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    grown_mb: float = 0.0
    took_s: float = 0.0

    def problems(self) -> list[str]:
        """Return what must not be."""
        found = [f"{count} x {what}" for what, count in self.failures.most_common(FAILURES_SHOWN)]
        found += [f"an input took {self.slowest_s:.3f} s of CPU"] if self.slowest_s > SLOW_S else []
        found += [f"memory grew by {self.grown_mb:.0f} MB"] if self.grown_mb > GROWN_MB else []
        return [f"{self.target}: {problem}" for problem in found]


def fuzz(target: Target, inputs: int, seed: int) -> FuzzReport:
    """Feed so many inputs; the same seed makes the same ones."""
    report, pids = FuzzReport(target.name, inputs), getattr(target, "pids", [os.getpid()])
    rng, before_mb, began_at = random.Random(f"{target.name} {seed}"), measure_memory(pids), time.monotonic()
    for number in range(inputs):
        if number == inputs // 10:
            before_mb = measure_memory(pids)
        given = target.make_input(rng)
        started_s = time.thread_time()
        try:
            report.outcomes[target.feed(given)] += 1
        except Exception as error:  # noqa: BLE001 - any: that is what is looked for
            report.failures[describe(error)] += 1
            continue
        report.slowest_s = max(report.slowest_s, measure_again(target, given, time.thread_time() - started_s))
    after_mb = measure_memory(pids)
    report.grown_mb = max((after_mb[pid] - before_mb[pid] for pid in after_mb), default=0.0)
    report.failures.update(target.close())
    report.took_s = time.monotonic() - began_at
    return report


def measure_memory(pids: Iterable[int]) -> dict[int, float]:
    """Return the memory of each process in MB. Of one that has ended, its target tells."""
    found = {}
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found[pid] = psutil.Process(pid).memory_info().rss / 1e6
    return found


def measure_again(target: Target, given: Any, took_s: float) -> float:
    """Return the least CPU time that an input takes, if it was slow."""
    for _ in range(TRIES - 1):
        if took_s <= SLOW_S:
            break
        started_s = time.thread_time()
        target.feed(given)
        took_s = min(took_s, time.thread_time() - started_s)
    return took_s


def describe(error: Exception) -> str:
    """Return an exception with its place, so that equal ones count together."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} {str(error)[:80]!r} at {place.filename.rpartition('/')[2]}:{place.lineno}"
