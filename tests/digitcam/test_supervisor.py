"""Workers that crash are restarted; a wrong setting ends the line."""

import os
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from digitcam.supervisor import FIRST_DELAY_S, LAST_DELAY_S, SupervisedWorker, WorkerSpec, keep_alive
from shared.service.signals import EXIT_WRONG_SETTING


class FakeProcess:
    """A process that ends with the given code at the first poll."""

    stdin = None

    def __init__(self, code: int | None) -> None:
        self.code = code

    def poll(self) -> int | None:
        return self.code


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (2, 2), (EXIT_WRONG_SETTING, EXIT_WRONG_SETTING), (None, None)])
def test_worker_that_ended_for_good_is_not_restarted(code: int | None, expected: int | None) -> None:
    started = []

    def start(*_: object, **__: object) -> FakeProcess:
        started.append(code)
        return FakeProcess(code)

    worker = SupervisedWorker(WorkerSpec("w", ("w",)), start)  # type: ignore[arg-type]
    assert [worker.start_or_poll(now) for now in (0.0, 0.1, 9.0)] == [None, expected, expected]
    assert started == [code]


@pytest.mark.parametrize("code", [1, -9, -11, 75])
def test_crashed_worker_is_restarted_after_a_growing_delay(code: int) -> None:
    starts: list[float] = []
    now = 0.0

    def start(*_: object, **__: object) -> FakeProcess:
        starts.append(now)
        return FakeProcess(code)

    worker = SupervisedWorker(WorkerSpec("w", ("w",)), start)  # type: ignore[arg-type]
    while now < 20:
        assert worker.start_or_poll(now) is None
        now += 0.01
    pauses = [after - before for before, after in pairwise(starts)]
    assert pauses[0] < FIRST_DELAY_S + 0.05
    assert LAST_DELAY_S / 2 <= pauses[-1] <= LAST_DELAY_S + 0.05


def test_setting_that_became_wrong_after_the_first_start_ends_nothing() -> None:
    codes = [-11, EXIT_WRONG_SETTING, EXIT_WRONG_SETTING, None]
    started: list[int | None] = []

    def start(*_: object, **__: object) -> FakeProcess:
        started.append(codes[len(started)])
        return FakeProcess(started[-1])

    worker = SupervisedWorker(WorkerSpec("w", ("w",)), start)  # type: ignore[arg-type]
    assert {worker.start_or_poll(float(now)) for now in range(20)} == {None}
    assert started == codes


def keep(command: list[str]) -> int:
    """Supervise one worker until it ends for good; return the exit code."""
    return keep_alive(lambda: [WorkerSpec("w", tuple(command))], threading.Event())


def test_killed_worker_is_restarted(tmp_path: Path) -> None:
    """A real process kills itself once; its successor finds the mark and ends."""
    mark = tmp_path / "mark"
    program = (
        "import os, pathlib, signal, sys\n"
        f"mark = pathlib.Path({str(mark)!r})\n"
        "if mark.exists(): sys.exit(0)\n"
        "mark.touch(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert keep([sys.executable, "-c", program]) == 0
    assert mark.exists()


def test_worker_that_had_to_be_killed_leaves_no_scrape_target(tmp_path: Path) -> None:
    target = tmp_path / "w.json"
    deaf = "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    deaf += "pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
    stop = threading.Event()
    worker = WorkerSpec("w", (sys.executable, "-c", deaf, str(target)), target=target)
    line = threading.Thread(target=keep_alive, args=(lambda: [worker], stop))
    line.start()
    while not target.exists():
        assert line.is_alive()
    stop.set()
    line.join()
    assert not target.exists()


def test_wrong_setting_ends_the_line_with_exit_code_1() -> None:
    command = [sys.executable, "-c", f"import sys; sys.exit({EXIT_WRONG_SETTING})"]
    assert keep(command) == 1


def test_worker_removed_from_the_plan_while_it_starts_does_not_end_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends with a wrong setting, because no list has it, before its supervisor notices the new list."""
    stays, gone = WorkerSpec("stays", ("w",)), WorkerSpec("gone", ("w",))
    processes, stop, checks = {stays: FakeProcess(None), gone: FakeProcess(None)}, threading.Event(), 0
    monkeypatch.setattr("digitcam.supervisor.SupervisedWorker.terminate", lambda worker: None)
    monkeypatch.setattr(
        "digitcam.supervisor.supervise",
        lambda spec: SupervisedWorker(spec, lambda *_, **__: processes[spec]),  # type: ignore[arg-type]
    )

    def has_changed() -> bool:
        nonlocal checks
        checks += 1
        if checks == 1:
            processes[gone].code = EXIT_WRONG_SETTING  # the list is written just after this check
        if checks == 3:
            stop.set()
        return checks == 2

    assert keep_alive(lambda: [stays] if checks else [stays, gone], stop, has_changed) == 0
    assert checks == 3


def test_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A killed parent can send nothing, but the worker's standard input ends."""
    pid_file = tmp_path / "pid"
    worker = (
        "import os, pathlib, threading\nfrom shared.service.signals import stop_on_signals, stop_with_parent\n"
        "stop = stop_on_signals(); stop_with_parent(stop, threading.Event())\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "stop.wait()\n"
    )
    parent_program = (
        "import sys, threading\nfrom digitcam.supervisor import WorkerSpec, keep_alive\n"
        f"worker = WorkerSpec('w', (sys.executable, '-c', {worker!r}))\n"
        "keep_alive(lambda: [worker], threading.Event())\n"
    )
    reader, writer = os.pipe()  # the worker inherits the writing end: reading ends when it does
    parent = subprocess.Popen([sys.executable, "-c", parent_program], stdout=writer, cwd=Path(__file__).parents[2])
    os.close(writer)
    while not pid_file.exists() or not pid_file.read_text():
        assert parent.poll() is None
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    with os.fdopen(reader) as end:
        assert end.read() == ""
