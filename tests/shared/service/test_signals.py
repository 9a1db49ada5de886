"""Signals set their event at any moment, and what differs between operating systems."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.service.signals import LIBC

PROGRAM = """
import sys
from pathlib import Path
from shared.service.signals import return_large_memory
def measure_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
if sys.argv[1] == "returned":
    return_large_memory()
before_mb = measure_mb()
bytes(20_000_000)  # from here on glibc keeps pieces of this size
large, small = [], []
for _ in range(50):
    large.append(b"x" * 1_000_000)
    small.append(b"x" * 10_000)  # above each of them, so that none is at the end
del large
print(measure_mb() - before_mb)
"""
WAITING = """
import os
import signal
from shared.service.signals import stop_on_signals
stop = stop_on_signals()
with stop._cond:  # as in stop.wait(), before and after it sleeps
    os.kill(os.getpid(), signal.SIGTERM)
print(stop.wait(10))
"""
ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a handler could take")
def test_signal_that_comes_while_the_main_thread_holds_the_lock_of_the_event_sets_it() -> None:
    assert subprocess.check_output([sys.executable, "-c", WAITING], cwd=ROOT, timeout=20) == b"True\n"


@pytest.mark.skipif(not hasattr(LIBC, "mallopt"), reason="this system has no glibc")
def test_large_memory_is_returned_as_soon_as_it_is_freed() -> None:
    kept_mb, left_mb = (
        float(subprocess.check_output([sys.executable, "-c", PROGRAM, how], cwd=ROOT)) for how in ("kept", "returned")
    )
    assert kept_mb > 40
    assert left_mb < 10
