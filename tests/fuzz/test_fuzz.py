"""A few hundred hostile inputs for each entrance; `make fuzz` takes a million, with another seed each time."""

import random
import subprocess
import sys

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.runner import GROWN_MB, fuzz

SEED = 20261127
INPUTS = {"messages": 3000, "browsers": 2000, "live queue": 5000}
OTHER_INPUTS = 150


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "live queue" else ()) for name in TARGETS]
)
def test_hostile_inputs_do_nothing(name: str) -> None:
    report = fuzz(TARGETS[name][1](), INPUTS.get(name, OTHER_INPUTS), SEED)
    assert report.problems() == []
    # nothing gets through without a key
    assert len(report.outcomes) > 1 or name == "ZMTP with keys", "all inputs ended alike: this tests little"


class GreedyTarget:
    """A process of its own that keeps 10 MB of each input."""

    name = "greedy"

    def __init__(self) -> None:
        code = "kept = [bytearray(b'.') * 10_000_000 for line in open(0) if print(flush=True) is None]"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pids = [self._process.pid]

    def make_input(self, rng: random.Random) -> str:
        return "\n"

    def feed(self, given: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(given)
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def close(self) -> list[str]:
        self._process.communicate()
        return []


def test_memory_of_the_processes_that_are_fed_is_measured() -> None:
    report = fuzz(GreedyTarget(), 10, SEED)
    assert 80 <= report.grown_mb <= 110
    assert report.problems() == [f"greedy: memory grew by {report.grown_mb:.0f} MB"]
    assert report.grown_mb > GROWN_MB
