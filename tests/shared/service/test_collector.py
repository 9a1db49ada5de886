"""What comes and goes while a process runs is collected soon, however much its start has made."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from collections import deque
from shared.service.collector import freeze_start

class Guest:
    here = most = 0
    def __init__(self):
        self.itself = self  # only the collector can free it
        Guest.here += 1
        Guest.most = max(Guest.here, Guest.most)
    def __del__(self):
        Guest.here -= 1

made_at_start = [[number] for number in range(50_000)]
if sys.argv[1] == "frozen":
    freeze_start()
recent = deque((Guest() for _ in range(100_000)), maxlen=10_000)
print(Guest.most)
"""


def count_most_guests(start: str) -> int:
    """Return how many of 100,000 guests, of whom 10,000 are here at a time, were in memory at most."""
    command = [sys.executable, "-c", PROGRAM, start]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_guests_are_collected_soon_after_they_left() -> None:
    assert count_most_guests("frozen") < 30_000 < count_most_guests("not frozen")
