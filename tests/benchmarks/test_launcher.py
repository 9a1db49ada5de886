"""A bench that is told to stop takes its pipeline with it, and passes no ignored signal on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.launcher import find_last_words, stop_processes

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


LOG = """\
10:00:00 system       | capture.1 started (pid=1)
10:00:01 capture.1    | a.avi does not exist
10:00:01 system       | capture.1 stopped (rc=2)
10:00:01 preprocess.1 | ready
10:00:02 system       | preprocess.1 stopped (rc=-15)
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (LOG, "10:00:01 capture.1    | a.avi does not exist"),
        ("a shell speaks\n", "a shell speaks"),
        ("", "its log is empty"),
    ],
)
def test_a_pipeline_that_exited_is_explained_by_the_process_that_ended_first(log: str, words: str) -> None:
    assert find_last_words(log) == words


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nohup")
def test_term_ends_in_order_and_what_is_started_under_nohup_hears_a_hangup() -> None:
    command = ["nohup", sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout.splitlines()) == (143, ["SIG_DFL", "stopped its pipeline"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_bench_that_is_told_to_stop_takes_its_pipeline_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "digitcam", "bench", "pipeline", "--cameras", "1", "--seconds", "60"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with psutil.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as bench:
        began_at = time.monotonic()
        processes: list[psutil.Process] = []
        while len(processes) < 5:  # honcho, its helpers, what they start
            assert time.monotonic() - began_at < 30
            processes = bench.children(recursive=True)
        bench.send_signal(signal.SIGTERM)
        try:
            assert (bench.communicate(timeout=20)[1], bench.returncode) == ("", 143)
            assert psutil.wait_procs(processes, timeout=5)[1] == []
        finally:
            stop_processes(processes)
    assert [path.name for path in tmp_path.glob("digitcam-*")] == []  # its RUN_DIR
