"""A bench that is told to stop takes its pipeline with it, and passes no ignored signal on."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, subprocess, sys
from benchmarks.launcher import take_signals
take_signals()
child = "import signal; print(signal.getsignal(signal.SIGHUP).name, flush=True)"
subprocess.run([sys.executable, "-c", child], check=True)
try:
    os.kill(os.getpid(), signal.SIGTERM)
finally:
    print("stopped its pipeline", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nohup")
def test_term_ends_in_order_and_what_is_started_under_nohup_hears_a_hangup() -> None:
    command = ["nohup", sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout.splitlines()) == (143, ["SIG_DFL", "stopped its pipeline"])
