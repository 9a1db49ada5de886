"""A forked worker is to everybody else what a started one is: arguments, environment, exit code, name, and its end."""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from digitcam import forked_worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked workers need Linux")

ROOT = Path(__file__).parents[2]
# a supervisor of workers that run a module; it writes their exit codes
SUPERVISOR = """
import json, os, signal, sys, threading
from digitcam.forked_worker import ForkedWorker, preload
preload({"http.server"})
signal.signal(signal.SIGTERM, lambda *_: None)
threading.Thread(target=threading.Event().wait, daemon=True).start()  # as the readers of heartbeats
workers = [ForkedWorker((sys.executable, "-m", "worker_module", name, "--supervised"), env={"NAME": name})
           for name in sys.argv[1:]]
print(json.dumps([worker.pid for worker in workers]), flush=True)
print(json.dumps([worker.wait() for worker in workers]), flush=True)
"""
REPORT = """
import json, logging, os, signal, sys, threading
open(os.environ["NAME"], "w").write(json.dumps({
    "arguments": sys.argv[1:], "environment": dict(os.environ), "preloaded": "http.server" in sys.modules,
    "threads": threading.active_count(), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
    "handlers": len(logging.getLogger().handlers),
}))
"""
WAIT = """
import os, sys
open(os.environ["NAME"], "w").close()
assert __name__ == "__main__"
sys.stdin.read()
"""


@contextmanager
def supervise(folder: Path, program: str, *names: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a supervisor of workers that run a program, in a folder."""
    (folder / "worker_module.py").write_text(program)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    command = [sys.executable, "-c", SUPERVISOR, *names]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=folder, **pipes) as supervisor:
        try:
            yield supervisor
        finally:
            supervisor.kill()


def read_line(supervisor: "subprocess.Popen[str]") -> Any:
    assert supervisor.stdout
    return json.loads(supervisor.stdout.readline())


def wait_for(paths: Sequence[Path], supervisor: "subprocess.Popen[str]") -> None:
    while not all(path.exists() for path in paths):
        assert supervisor.poll() is None


def test_forked_worker_has_its_own_arguments_and_environment_and_nothing_else_of_its_supervisor(tmp_path: Path) -> None:
    with supervise(tmp_path, REPORT, "hall", "yard") as supervisor:
        read_line(supervisor)
        assert read_line(supervisor) == [0, 0]
    for name in ("hall", "yard"):
        report = json.loads((tmp_path / name).read_text())
        assert report["preloaded"]
        del report["preloaded"]
        assert report == {
            "arguments": [name, "--supervised"],
            "environment": {"NAME": name},
            "threads": 1,
            "descriptors": [0, 1, 2, 3],  # the last is the file that it writes
            "handlers": 0,
        }


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        ("", 0, ""),
        ("import sys; sys.exit(78)", 78, ""),
        ("import sys; sys.exit()", 0, ""),
        ("print('hello'); raise ValueError('a bug')", 1, "ValueError: a bug"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import os; os._exit(75)", 75, ""),
    ],
)
def test_exit_code_of_a_forked_worker(tmp_path: Path, program: str, code: int, words: str) -> None:
    with supervise(tmp_path, program, "hall") as supervisor:
        read_line(supervisor)
        assert read_line(supervisor) == [code]
        assert words in supervisor.communicate()[1]


def test_forked_worker_is_named_as_if_it_had_been_started(tmp_path: Path) -> None:
    with supervise(tmp_path, WAIT, "hall") as supervisor:
        (pid,) = read_line(supervisor)
        wait_for([tmp_path / "hall"], supervisor)
        words = list(filter(None, psutil.Process(pid).cmdline()))
        assert words == ["python", "-m", "worker_module", "hall", "--supervised"]
        assert psutil.Process(pid).environ() == psutil.Process(supervisor.pid).environ()  # by which chaos knows its own


def test_every_forked_worker_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    """None holds the other end of another one's standard input."""
    with supervise(tmp_path, WAIT, "hall", "yard", "door") as supervisor:
        workers = [psutil.Process(pid) for pid in read_line(supervisor)]
        wait_for([tmp_path / name for name in ("hall", "yard", "door")], supervisor)
        supervisor.send_signal(signal.SIGKILL)
        assert psutil.wait_procs(workers, timeout=20)[1] == []


def test_signal_of_the_supervisors_own_handler_ends_a_forked_worker(tmp_path: Path) -> None:
    with supervise(tmp_path, WAIT, "hall") as supervisor:
        (pid,) = read_line(supervisor)
        wait_for([tmp_path / "hall"], supervisor)
        os.kill(pid, signal.SIGTERM)
        assert read_line(supervisor) == [-signal.SIGTERM]


def test_list_of_cameras_that_changes_again_and_again_leaves_nothing_in_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is frozen is never collected: neither a module that was imported again, nor what was garbage meanwhile."""
    package = tmp_path / "camera_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("class Camera: pass")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(forked_worker, "PRELOADED", set())
    thresholds = gc.get_threshold()
    try:
        forked_worker.preload({"camera_package.__main__"})
        frozen = gc.get_freeze_count()
        for _ in range(3):
            forked_worker.preload({"camera_package.__main__"})
        assert gc.get_freeze_count() <= frozen  # less: what other tests left may end
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
    classes = [one for one in gc.get_objects() if type(one) is type]  # isinstance() would ask the oddest objects
    cameras = [one for one in classes if one.__module__ == "camera_package.__main__"]
    assert len(cameras) == 1
