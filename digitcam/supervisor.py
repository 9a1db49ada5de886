"""Supervises the workers behind one line of the Procfile: starts them, restarts those that crash, ends them.

honcho ends the whole pipeline as soon as one of its processes ends. So a line ends only when it is told to, when what
started it is gone, when the user closes the window, or for a setting that is wrong at the start. A worker that hangs is
killed and started again: each sends a heartbeat through its standard output. One such process runs for each line: no
import here costs memory or time, but on the line of the cameras, which share what it imports (forked_worker.py).
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from digitcam.launcher import Launcher
from shared.pipeline import Stage
from shared.service.backoff import retry_delay
from shared.service.signals import (
    END_WITHIN_S,
    EXIT_STOPPED,
    EXIT_WRONG_SETTING,
    HEARTBEAT,
    RESTARTS_VARIABLE,
    START_VARIABLE,
    SUPERVISED_FLAG,
    scrape_target_path,
)
from shared.settings import ConfigError
from shared.telemetry.health import HUNG_AFTER_S, START_WITHIN_S

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 2.0
LAST_DELAY_KILLED_S = 0.5  # it is not the worker's fault, and it shall be back within 3 s of the last of many kills
KILLED = {-9, -15, EXIT_STOPPED}  # by SIGKILL or SIGTERM
HEALTHY_AFTER_S = 10.0  # a worker that ran this long ran well: it restarts at once
POLL_S = 0.1  # each supervisor takes 0.3 ms for it, and a pipeline has six
ONE_THREAD = {  # doubles readings/s on 2 cores: docs/decisions/0004
    "OPENCV_FOR_THREADS_NUM": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
START = os.urandom(4).hex()  # another one each time that this line is started, wherever that is
AWAY_S = 1.0  # between two polls: this process was stopped or had no core, and perhaps its workers too
FINAL_CODES = {0: 0, 2: 2, EXIT_WRONG_SETTING: 1}  # of a worker that ended, was called wrongly, has a wrong setting


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """A worker to run. If its purpose changes, the worker is replaced."""

    name: str
    command: tuple[str, ...]
    purpose: str = ""
    target: Path | None = None  # its scrape target, which a killed worker leaves behind


class RestartReason(StrEnum):
    """Why a worker was started again."""

    CRASHED = "crashed"
    HUNG = "hung"


class HeartbeatReader:
    """Reads what a worker writes to its standard output, in a thread, and notes when the last heartbeat came."""

    def __init__(self, pipe: IO[bytes], now: float) -> None:
        self.heard_at, self.has_beaten = now, False
        self._pipe = pipe
        threading.Thread(target=self._read, name="heartbeats", daemon=True).start()

    def _read(self) -> None:
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 4096):
                if HEARTBEAT in data:
                    self.heard_at, self.has_beaten = time.monotonic(), True


class RunningProcess(Protocol):
    """A worker's process: a subprocess.Popen, or a ForkedWorker."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""

    def terminate(self) -> None: ...
    def kill(self) -> None: ...


StartProcess = Callable[..., RunningProcess]  # called as subprocess.Popen


class SupervisedWorker:
    """One worker, restarted with a growing delay when it crashes or hangs."""

    def __init__(self, spec: WorkerSpec, popen: StartProcess) -> None:
        self.spec, self._popen = spec, popen
        self.process: RunningProcess | None = None
        self.is_replanned = False  # the plan was made again since the start of the line
        self._heartbeats: HeartbeatReader | None = None
        self._failures = 0
        self._start_at = self._polled_at = 0.0
        self._restarts = dict.fromkeys(RestartReason, 0)

    def start_or_poll(self, now: float) -> int | None:
        """Start the worker if it is due; return its exit code if it ended for good."""
        was_away, self._polled_at = now - self._polled_at > AWAY_S, now
        code = self.process.poll() if self.process else None
        if code is not None:
            if self._is_final(code):
                return code
            self._plan_restart(code, now)
        elif self.process:
            self._kill_if_hung(self.process, was_away, now)
        if self.process is None and now >= self._start_at:
            self._start(now)
        return None

    def _start(self, now: float) -> None:
        restarts = ",".join(f"{reason}={count}" for reason, count in self._restarts.items())
        # the worker ends when its standard input does: also if this process is killed
        self.process = self._popen(
            self.spec.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ONE_THREAD | os.environ | {RESTARTS_VARIABLE: restarts, START_VARIABLE: START},
        )
        self._start_at = now
        self._heartbeats = HeartbeatReader(self.process.stdout, now) if self.process.stdout else None

    def _kill_if_hung(self, process: RunningProcess, was_away: bool, now: float) -> None:
        if self._heartbeats and was_away:
            self._heartbeats.heard_at = now
        if self._heartbeats and (silent_s := now - self._heartbeats.heard_at) > self._silence_limit_s():
            logging.error("%s hangs: no heartbeat for %.1f s; restarting it", self.spec.name, silent_s)
            process.kill()
            self._heartbeats = None

    def _silence_limit_s(self) -> float:
        """Return how long no heartbeat is normal. Before the first, a start from a cold disk may take long."""
        has_started = self._heartbeats and self._heartbeats.has_beaten
        return HUNG_AFTER_S if has_started or (self.process and is_stopped(self.process.pid)) else START_WITHIN_S

    def _plan_restart(self, code: int, now: float) -> None:
        """A worker that ran well is started again at once, one that fails again and again ever later."""
        self._close_pipe()
        was_hung = self._heartbeats is None
        self._restarts[RestartReason.HUNG if was_hung else RestartReason.CRASHED] += 1
        self.process = None
        self._failures = 0 if now - self._start_at > HEALTHY_AFTER_S else self._failures + 1
        last_delay_s = LAST_DELAY_KILLED_S if code in KILLED else LAST_DELAY_S
        delay = retry_delay(self._failures, FIRST_DELAY_S, last_delay_s) if self._failures else 0.0
        logging.warning("%s ended with exit code %d; restarting it in %.1f s", self.spec.name, code, delay)
        self._start_at = now + delay

    def _is_final(self, code: int) -> bool:
        """A setting that was right at the first start may soon be right again, so it is not final later.

        Nor is it after a change of the plan: a camera that was removed and added again may have read the list between.
        """
        is_later = self.is_replanned or any(self._restarts.values())
        return code in FINAL_CODES and not (code == EXIT_WRONG_SETTING and is_later)

    def send_dismissal(self) -> None:
        """Announce to the worker, by a byte on its standard input, that it is about to be ended for good."""
        if self.process and self.process.stdin:
            with suppress(BrokenPipeError):  # it has just ended
                os.write(self.process.stdin.fileno(), b".")

    def terminate(self) -> None:
        """End the worker, by a kill if it does not react, and remove its scrape target."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._close_pipe()
        if self.spec.target:
            self.spec.target.unlink(missing_ok=True)

    def _close_pipe(self) -> None:
        if self.process and self.process.stdin:
            self.process.stdin.close()


Workers = dict[WorkerSpec, SupervisedWorker]


def keep_alive(
    plan: Callable[[], Iterable[WorkerSpec]],
    stop: threading.Event,
    has_changed: Callable[[], bool] = lambda: False,
    launcher: Launcher | None = None,
    popen: StartProcess = subprocess.Popen,
) -> int:
    """Keep the planned workers alive until told to stop, the launcher is gone or a worker ends for good.

    Return the exit code of this process.

    Whenever has_changed returns true the plan is made again. Raises ConfigError if the first plan can't be made.
    """
    workers = {spec: SupervisedWorker(spec, popen) for spec in plan()}
    launcher = launcher or Launcher()
    code = None
    while code is None and not stop.is_set() and launcher.is_alive:
        now = time.monotonic()
        codes = {spec: worker.start_or_poll(now) for spec, worker in workers.items()}
        if has_changed():  # after polling: a worker that ended because the plan dropped it is not an error
            workers, codes = update_workers(plan, workers, popen), {}
        code = next((code for code in codes.values() if code is not None), None)
        stop.wait(POLL_S)
    launcher.limit_end()
    terminate_all(workers.values())
    launcher.end_survivors()
    return FINAL_CODES[code] if code is not None else 0


def update_workers(
    plan: Callable[[], Iterable[WorkerSpec]], workers: Workers, popen: StartProcess = subprocess.Popen
) -> Workers:
    """End the workers that left the plan and add the new ones; change nothing if the plan can't be made."""
    try:
        specs = list(plan())
    except ConfigError as error:
        logging.error("%s Nothing was changed.", error)
        return workers
    removed = [worker for spec, worker in workers.items() if spec not in specs]
    changes = [f"{worker.spec.name} stops" for worker in removed]
    changes += [f"{spec.name} starts" for spec in specs if spec not in workers]
    logging.info("settings were read again: %s", ", ".join(changes) or "nothing to change")
    for worker in removed:
        worker.send_dismissal()
    terminate_all(removed)
    workers = {spec: workers.get(spec) or SupervisedWorker(spec, popen) for spec in specs}
    for worker in workers.values():
        worker.is_replanned = True
    return workers


def terminate_all(workers: Iterable[SupervisedWorker]) -> None:
    """End workers in parallel: each may take END_WITHIN_S."""
    threads = [threading.Thread(target=worker.terminate) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def is_stopped(pid: int) -> bool:
    """Return whether a child of this process is stopped, as by SIGSTOP. Only some systems can tell."""
    if not hasattr(os, "waitid"):
        return False
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    return False


def make_spec(run_dir: Path, stage: Stage, instance: str, purpose: str = "") -> WorkerSpec:
    """Return the worker of a stage. Its instance is a number or the name of a camera."""
    name = f"{stage}.{instance}"
    command = (sys.executable, "-m", f"services.{stage}", instance, SUPERVISED_FLAG)
    return WorkerSpec(name, command, purpose, scrape_target_path(run_dir, name))
