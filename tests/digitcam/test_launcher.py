"""A line ends when honcho, honcho's helper, or the shell between dies, in whatever way; nothing is left over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
BUSY_S = 10.0
LINE = (
    "import sys, threading, time\nfrom digitcam.launcher import Launcher\n"
    "from digitcam.supervisor import WorkerSpec, keep_alive\n"
    "from shared.service.signals import stop_on_signals\n"
    "worker = 'import threading, os; from shared.service.signals import *\\n"
    "stop = stop_on_signals(); stop_with_parent(stop, threading.Event()); stop.wait()'\n"
    "spec = WorkerSpec('w', (sys.executable, '-c', worker))\n"
    "launcher, has_changed = Launcher(), lambda: False\n"
)
KEEP_ALIVE = "keep_alive(lambda: [spec], stop_on_signals(launcher.limit_end), has_changed, launcher)\n"
HONCHO = (
    "import sys\nfrom honcho.manager import Manager\n"
    "manager = Manager()\n"
    "for name in ('queue.1', 'display.1'):\n"
    "    env = dict(__import__('os').environ, HONCHO_PROCESS_NAME=name)\n"
    "    manager.add_process(name, sys.argv[1], env=env)\n"
    "manager.loop()\n"
)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="honcho forks no helper on Windows")


@contextmanager
def run_honcho(
    folder: Path, prefix: str, line: str = LINE + KEEP_ALIVE
) -> Iterator[tuple[psutil.Process, list[psutil.Process]]]:
    """Run two lines under honcho; yield honcho and all its descendants once both workers run."""
    (folder / "line.py").write_text(line)
    command = f"{prefix} {sys.executable} {folder / 'line.py'}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", HONCHO, command], env=environment, stdout=subprocess.DEVNULL) as popen:
        honcho, deadline = psutil.Process(popen.pid), time.monotonic() + 30
        while sum("stop_with_parent" in " ".join(process.cmdline()) for process in descendants(honcho)) < 2:
            assert popen.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        everything = descendants(honcho)
        try:
            yield honcho, everything
        finally:
            for process in [*everything, honcho]:
                if process.is_running():
                    process.kill()


def descendants(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def helpers(honcho: psutil.Process) -> list[psutil.Process]:
    """Return honcho's forks, one for each line."""
    return [child for child in honcho.children() if child.cmdline() == honcho.cmdline()]


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended; nobody may have waited for it yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def assert_all_end(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + BUSY_S
    while alive := [process for process in processes if not has_ended(process)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)


@pytest.mark.parametrize("prefix", ["exec", "true;"], ids=["directly", "below a shell"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_honcho_dies(tmp_path: Path, prefix: str, number: signal.Signals) -> None:
    with run_honcho(tmp_path, prefix) as (honcho, everything):
        honcho.send_signal(number)
        assert_all_end([honcho, *everything])


@pytest.mark.parametrize(
    "line",
    [LINE + "has_changed = lambda: time.sleep(60)\n" + KEEP_ALIVE, LINE + KEEP_ALIVE + "time.sleep(60)\n"],
    ids=["while it runs", "at its end"],
)
def test_line_that_hangs_does_not_outlive_honcho(tmp_path: Path, line: str) -> None:
    with run_honcho(tmp_path, "exec", line) as (honcho, everything):
        honcho.kill()  # it would kill what is left after 5 s
        for process in everything:
            process.terminate()
        assert_all_end([honcho, *everything])


@pytest.mark.parametrize("prefix", ["exec", "true;"], ids=["directly", "below a shell"])
@pytest.mark.parametrize("is_stopped", [False, True])
def test_everything_ends_when_a_helper_of_honcho_is_killed(tmp_path: Path, prefix: str, is_stopped: bool) -> None:
    """honcho does not notice; without the line it would go on for ever with a hole."""
    with run_honcho(tmp_path, prefix) as (honcho, everything):
        helper = helpers(honcho)[0]
        if is_stopped:
            helper.suspend()
        helper.kill()
        assert_all_end([honcho, *everything])


def test_helper_that_is_stopped_does_not_outlive_honcho(tmp_path: Path) -> None:
    with run_honcho(tmp_path, "exec") as (honcho, everything):
        helpers(honcho)[0].suspend()
        honcho.kill()
        assert_all_end([honcho, *everything])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes a honcho that is gone had")
@pytest.mark.parametrize("prefix", ["exec", "true;"], ids=["directly", "below a shell"])
@pytest.mark.parametrize("is_whole", [False, True], ids=["the supervisor", "the whole line"])
def test_line_that_is_stopped_does_not_outlive_honcho(tmp_path: Path, prefix: str, is_whole: bool) -> None:
    with run_honcho(tmp_path, prefix) as (honcho, everything):
        line = descendants(helpers(honcho)[0])
        for process in line if is_whole else [one for one in line if str(tmp_path) in one.cmdline()[-1]]:
            process.suspend()
        honcho.kill()
        assert_all_end([honcho, *everything])
