"""Workers that crash are restarted; a wrong setting ends the line."""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest

from digitcam.supervisor import (
    SupervisedWorker,
    WorkerSpec,
    keep_alive,
    update_workers,
)
from shared.service.signals import EXIT_WRONG_SETTING
from shared.settings import ConfigError
from shared.telemetry.health import START_WITHIN_S

ROOT = Path(__file__).parents[2]


class FakeProcess:
    """A process that ends with the given code at the first poll."""

    stdin = None
    stdout: IO[bytes] | None = None
    pid = os.getpid()  # not a child of this process
    was_killed = False

    def __init__(self, code: int | None) -> None:
        self.code = code

    def kill(self) -> None:
        self.was_killed = True

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        pass

    def wait(self, timeout: float | None = None) -> int | None:
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


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each delay is the longest that it may be."""
    monkeypatch.setattr("random.uniform", max)


@pytest.mark.usefixtures("no_jitter")
@pytest.mark.parametrize(("code", "last_delay_s"), [(1, 2.0), (-11, 2.0), (75, 2.0), (-9, 0.5), (-15, 0.5), (143, 0.5)])
def test_crashed_worker_is_restarted_after_a_growing_delay(code: int, last_delay_s: float) -> None:
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
    assert pauses[:4] == pytest.approx([min(delay_s, last_delay_s) for delay_s in (0.1, 0.2, 0.4, 0.8)], abs=0.03)
    assert pauses[5:] == pytest.approx([last_delay_s] * len(pauses[5:]), abs=0.03)


@pytest.mark.usefixtures("no_jitter")
def test_worker_that_ran_well_is_restarted_at_once() -> None:
    """It crashed often, then ran for more than ten seconds: its next crash is a new one, and delays grow from there."""
    starts: list[float] = []
    process = FakeProcess(1)
    now = 0.0

    def start(*_: object, **__: object) -> FakeProcess:
        starts.append(now)
        return process

    worker = SupervisedWorker(WorkerSpec("w", ("w",)), start)  # type: ignore[arg-type]
    while len(starts) < 8:
        worker.start_or_poll(now)
        now += 0.01
    crashed_at = now = starts[-1] + 10.1
    while len(starts) < 11:
        worker.start_or_poll(now)
        now += 0.01
    pauses = [after - before for before, after in pairwise([crashed_at, *starts[-3:]])]
    assert pauses[0] == 0
    assert pauses[1:] == pytest.approx([0.1, 0.2], abs=0.03)


def test_worker_has_one_thread_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []

    def start(*_: object, env: dict[str, str], **__: object) -> FakeProcess:
        given.append(env)
        return FakeProcess(None)

    for threads in (None, "3"):
        if threads:
            monkeypatch.setenv("OPENCV_FOR_THREADS_NUM", threads)
        else:
            monkeypatch.delenv("OPENCV_FOR_THREADS_NUM", raising=False)
        SupervisedWorker(WorkerSpec("w", ("w",)), start).start_or_poll(0.0)  # type: ignore[arg-type]
    assert [env["OPENCV_FOR_THREADS_NUM"] for env in given] == ["1", "3"]


def test_dismissed_worker_gets_a_byte_and_then_the_end_of_its_input(tmp_path: Path) -> None:
    """One that has no scrape target, or has ended already, is dismissed like any other."""
    seen = tmp_path / "seen"
    program = f"import pathlib, sys; pathlib.Path({str(seen)!r}).write_bytes(sys.stdin.buffer.read())"
    worker = SupervisedWorker(
        WorkerSpec("w", (sys.executable, "-c", program), target=tmp_path / "none.json"), subprocess.Popen
    )
    worker.send_dismissal()  # not started
    worker.start_or_poll(0.0)
    worker.send_dismissal()
    assert worker.process
    assert worker.process.stdin
    worker.process.stdin.close()
    assert worker.process.wait(20) == 0
    worker.terminate()
    assert seen.read_bytes() == b"."


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
    """A real process kills itself once; its successor has the same name of the start, and ends."""
    mark = tmp_path / "mark"
    program = (
        "import os, pathlib, signal, sys\n"
        f"mark, start = pathlib.Path({str(mark)!r}), os.environ['DIGITCAM_START']\n"
        "if mark.exists(): sys.exit(0 if mark.read_text() == start else 2)\n"
        "mark.write_text(start); os.kill(os.getpid(), signal.SIGKILL)\n"
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


@pytest.mark.parametrize(("code", "of_the_line"), [(0, 0), (2, 2), (EXIT_WRONG_SETTING, 1)])
def test_line_ends_with_the_code_of_its_worker_and_1_for_a_wrong_setting(code: int, of_the_line: int) -> None:
    """It makes its plan once, since nothing has changed."""
    plans: list[WorkerSpec] = []

    def plan() -> list[WorkerSpec]:
        plans.append(WorkerSpec("w", ("w",)))
        return plans

    start = lambda *_, **__: FakeProcess(code)  # noqa: E731
    assert keep_alive(plan, threading.Event(), popen=start) == of_the_line  # type: ignore[arg-type]
    assert len(plans) == 1


def test_change_of_the_plan_keeps_what_stays_and_dismisses_what_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in ("send_dismissal", "terminate"):
        monkeypatch.setattr(SupervisedWorker, name, lambda worker, name=name: calls.append((name, worker.spec.name)))
    a, b, c = (WorkerSpec(name, (name,)) for name in "abc")
    workers = {spec: SupervisedWorker(spec, subprocess.Popen) for spec in (a, b)}
    after = update_workers(lambda: [b, c], workers)
    assert list(after) == [b, c]
    assert after[b] is workers[b]
    assert after[c].spec is c
    assert calls == [("send_dismissal", "a"), ("terminate", "a")]


def test_plan_that_cannot_be_made_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def plan() -> list[WorkerSpec]:
        raise ConfigError("clip.mp4 does not exist.")

    spec = WorkerSpec("w", ("w",))
    workers = {spec: SupervisedWorker(spec, subprocess.Popen)}
    assert update_workers(plan, workers) is workers
    assert caplog.messages == ["clip.mp4 does not exist. Nothing was changed."]


def test_worker_removed_from_the_plan_while_it_starts_does_not_end_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends with a wrong setting, because no list has it, before its supervisor notices the new list."""
    stays, gone = WorkerSpec("stays", ("s",)), WorkerSpec("gone", ("g",))
    processes, stop, checks = {("s",): FakeProcess(None), ("g",): FakeProcess(None)}, threading.Event(), 0
    monkeypatch.setattr("digitcam.supervisor.SupervisedWorker.terminate", lambda worker: None)

    def has_changed() -> bool:
        nonlocal checks
        checks += 1
        if checks == 1:
            processes["g",].code = EXIT_WRONG_SETTING  # the list is written just after this check
        if checks == 3:
            stop.set()
        return checks == 2

    def start(command: tuple[str], **_: object) -> FakeProcess:
        return processes[command]

    assert keep_alive(lambda: [stays] if checks else [stays, gone], stop, has_changed, popen=start) == 0  # type: ignore[arg-type]
    assert checks == 3


def test_camera_that_is_removed_and_added_again_at_once_does_not_end_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker starts between, and finds no such camera: it starts again, as the plan has it again."""
    spec, stop, checks, starts = WorkerSpec("added", ("a",)), threading.Event(), 0, 0
    monkeypatch.setattr("digitcam.supervisor.SupervisedWorker.terminate", lambda worker: None)
    process = FakeProcess(None)

    def has_changed() -> bool:
        nonlocal checks
        checks += 1
        if checks == 1:
            process.code = EXIT_WRONG_SETTING
        return checks == 2

    def start(*_: object, **__: object) -> FakeProcess:
        nonlocal starts
        starts += 1
        if starts == 2:
            process.code = None
            stop.set()
        return process

    assert keep_alive(lambda: [spec], stop, has_changed, popen=start) == 0  # type: ignore[arg-type]
    assert starts == 2


HANGS = {
    "in its main thread": "os.write(1, HEARTBEAT); threading.Event().wait()",
    "stopped after its first heartbeat": "os.write(1, HEARTBEAT); os.kill(os.getpid(), signal.SIGSTOP)",
    "stopped while it starts": "os.kill(os.getpid(), signal.SIGSTOP)",
}


@pytest.mark.parametrize("kind", HANGS)
def test_worker_that_hangs_is_replaced(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("digitcam.supervisor.HUNG_AFTER_S", 0.3)
    restarts = tmp_path / "restarts"
    program = (
        "import os, pathlib, signal, threading\nfrom shared.service.signals import HEARTBEAT, RESTARTS_VARIABLE\n"
        f"restarts = pathlib.Path({str(restarts)!r})\n"
        "is_first = not restarts.exists()\n"
        "restarts.write_text(os.environ[RESTARTS_VARIABLE])\n"
        f"if is_first: {HANGS[kind]}\n"
    )
    monkeypatch.chdir(ROOT)
    assert keep([sys.executable, "-c", program]) == 0
    assert restarts.read_text() == "crashed=0,hung=1"
    assert "w hangs: no heartbeat for" in caplog.text


def test_worker_that_starts_slowly_is_not_taken_for_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitcam.supervisor.HUNG_AFTER_S", 0.1)
    assert keep([sys.executable, "-c", "import time; print('a library says hello', flush=True); time.sleep(0.5)"]) == 0


def test_supervisor_that_was_stopped_itself_kills_no_worker() -> None:
    """The heartbeats of that time lie in the pipe, or the worker was stopped too, as by a laptop that sleeps."""
    process = FakeProcess(None)
    reader, writer = os.pipe()
    process.stdout = os.fdopen(reader, "rb")
    worker = SupervisedWorker(WorkerSpec("w", ("w",)), lambda *_, **__: process)  # type: ignore[arg-type]
    began_at = time.monotonic()
    for after_s in (0.0, 0.5, 100.0, 100.5):
        assert worker.start_or_poll(began_at + after_s) is None
    assert not process.was_killed
    for step in range(2 * int(START_WITHIN_S)):
        worker.start_or_poll(began_at + 101 + step / 2)
    assert process.was_killed
    os.close(writer)


ENDS = {
    "ends": "stop.wait()",
    "hangs": "threading.Event().wait()",
    "is stopped": "os.kill(os.getpid(), signal.SIGSTOP); stop.wait()",
}


@pytest.mark.parametrize("kind", ENDS if sys.platform == "linux" else ["ends", "hangs"])
def test_worker_ends_when_its_parent_is_killed(kind: str, tmp_path: Path) -> None:
    """A killed parent can send nothing, but the worker's standard input ends."""
    pid_file = tmp_path / "pid"
    worker = (
        "import os, pathlib, signal, threading\nfrom shared.service.signals import stop_on_signals, stop_with_parent\n"
        "stop = stop_on_signals(); stop_with_parent(stop, threading.Event())\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        f"{ENDS[kind]}\n"
    )
    parent_program = (
        "import sys, threading\nfrom digitcam.supervisor import WorkerSpec, keep_alive\n"
        f"worker = WorkerSpec('w', (sys.executable, '-c', {worker!r}))\n"
        "keep_alive(lambda: [worker], threading.Event())\n"
    )
    reader, writer = os.pipe()  # the worker inherits the writing end: reading ends when it does
    # the parent's own input stays open: a worker that had inherited it would live on
    parent = subprocess.Popen([sys.executable, "-c", parent_program], stdin=subprocess.PIPE, stderr=writer, cwd=ROOT)
    os.close(writer)
    while not pid_file.exists() or not pid_file.read_text():
        assert parent.poll() is None
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    with os.fdopen(reader) as end:
        assert end.read() == ""
    assert parent.stdin
    parent.stdin.close()


@pytest.mark.parametrize(
    ("specs", "sentence"),
    [
        ("ab", "settings were read again: nothing to change"),
        ("abc", "settings were read again: c starts"),
        ("bc", "settings were read again: a stops, c starts"),
    ],
)
def test_change_of_the_plan_is_logged_in_words(specs: str, sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    specs_before = [WorkerSpec(name, ("w",)) for name in "ab"]
    workers = {spec: SupervisedWorker(spec, subprocess.Popen) for spec in specs_before}
    update_workers(lambda: [WorkerSpec(name, ("w",)) for name in specs], workers)
    assert caplog.messages == [sentence]
