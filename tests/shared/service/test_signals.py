"""What differs between operating systems."""

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


@pytest.mark.skipif(not hasattr(LIBC, "mallopt"), reason="this system has no glibc")
def test_large_memory_is_returned_as_soon_as_it_is_freed() -> None:
    kept_mb, left_mb = (
        float(subprocess.check_output([sys.executable, "-c", PROGRAM, how], cwd=Path(__file__).parents[3]))
        for how in ("kept", "returned")
    )
    assert kept_mb > 40
    assert left_mb < 10
