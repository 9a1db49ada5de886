"""Keeps the workers of one Procfile line alive: starts them, restarts what crashes, ends when told to.

honcho ends everything as soon as one of its processes ends, so no line may end for less than a setting that is wrong at
the start. Written without imports that cost memory or time: one such parent stands behind each line.
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
from pathlib import Path

from shared.service.backoff import retry_delay
from shared.service.signals import EXIT_WRONG_SETTING, SUPERVISED_FLAG, scrape_target_path
from shared.settings import ConfigError

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 2.0
HEALTHY_AFTER_S = 10.0  # a worker that lived this long starts again after the first delay
POLL_S = 0.05
ONE_THREAD = {"OPENCV_FOR_THREADS_NUM": "1"}  # twice the readings on 2 cores: docs/decisions/0004
END_WITHIN_S = 1.5  # then it is killed; Ctrl-C should give the prompt back within 2 s
STOPPING_CODES = {0: 0, 2: 2, EXIT_WRONG_SETTING: 1}  # it meant to end; it was called wrongly; a setting is wrong


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """A worker that is wanted; of the same name with another purpose it is another one."""

    name: str
    command: tuple[str, ...]
    purpose: str = ""
    target: Path | None = None  # its scrape target, which a worker that had to be killed leaves behind


class SupervisedWorker:
    """One worker and how often it had to be started."""

    def __init__(self, worker: WorkerSpec, start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
        self.worker, self._start = worker, start
        self.failures = 0
        self.start_at = 0.0
        self.has_ended = False  # and was started again
        self.process: subprocess.Popen[bytes] | None = None

    def look(self, now: float) -> int | None:
        """Start or restart the worker where that is due; the exit code where it ended for good."""
        if self.process is None:
            if now >= self.start_at:
                self._run(now)
            return None
        code = self.process.poll()
        if code is None or self._is_final(code):
            return code
        self._close()
        self.process, self.has_ended = None, True
        self.failures = 0 if now - self.start_at > HEALTHY_AFTER_S else self.failures + 1
        delay = retry_delay(self.failures, FIRST_DELAY_S, LAST_DELAY_S)
        logging.warning("%s ended with %d; starting it again in %.1f s", self.worker.name, code, delay)
        self.start_at = now + delay
        return None

    def _is_final(self, code: int) -> bool:
        """Whether it ended for good. A setting that was right when it first started may be right again soon."""
        return code in STOPPING_CODES and not (code == EXIT_WRONG_SETTING and self.has_ended)

    def _run(self, now: float) -> None:
        self.start_at = now
        environment = ONE_THREAD | os.environ
        self.process = self._start(
            self.worker.command, stdin=subprocess.PIPE, env=environment
        )  # the pipe ends with this parent

    def dismiss(self) -> None:
        """Let the worker know, before it is ended, that it is not wanted any more: a byte on its standard input."""
        if self.process and self.process.stdin:
            with suppress(BrokenPipeError):  # it has just ended
                os.write(self.process.stdin.fileno(), b".")

    def end(self) -> None:
        """Ask the worker to end, do not ask twice, and leave nothing behind that says it lives."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._close()
        if self.worker.target:
            self.worker.target.unlink(missing_ok=True)

    def _close(self) -> None:
        if self.process and self.process.stdin:
            self.process.stdin.close()


def keep_alive(
    plan: Callable[[], Iterable[WorkerSpec]], stop: threading.Event, has_changed: Callable[[], bool] = lambda: False
) -> int:
    """Keep the planned workers alive until told to stop or one ends for good; the exit code for this process.

    The plan is made again whenever it has changed. Raises ConfigError where the first one can't be made.
    """
    keepers = {worker: keeper_of(worker) for worker in plan()}
    parent = os.getppid()
    code = None
    while code is None and not stop.is_set() and os.getppid() == parent:
        now = time.monotonic()
        codes = {worker: keeper.look(now) for worker, keeper in keepers.items()}
        if has_changed():  # asked after the look: a worker that has just not found itself in the plan is no error
            keepers = follow(plan, keepers)
        code = next((code for worker in keepers if (code := codes.get(worker)) is not None), None)
        stop.wait(POLL_S)
    end_all(keepers.values())
    return STOPPING_CODES[code] if code is not None else 0


def follow(
    plan: Callable[[], Iterable[WorkerSpec]], keepers: dict[WorkerSpec, SupervisedWorker]
) -> dict[WorkerSpec, SupervisedWorker]:
    """End and start only what is new in the plan; everything stays as it is where none can be made."""
    try:
        wanted = list(plan())
    except ConfigError as error:
        logging.error("%s All stays as it was.", error)
        return keepers
    gone = {worker: keeper for worker, keeper in keepers.items() if worker not in wanted}
    come = [worker for worker in wanted if worker not in keepers]
    logging.info("settings read again; ends: %s; starts: %s", listed(gone), listed(come))
    for keeper in gone.values():
        keeper.dismiss()
    end_all(gone.values())
    return {worker: keepers.get(worker) or keeper_of(worker) for worker in wanted}


def listed(workers: Iterable[WorkerSpec]) -> str:
    """Their names for the log."""
    return ", ".join(worker.name for worker in workers) or "none"


def keeper_of(worker: WorkerSpec) -> SupervisedWorker:
    """What keeps a worker alive."""
    return SupervisedWorker(worker, subprocess.Popen)


def end_all(keepers: Iterable[SupervisedWorker]) -> None:
    """End them side by side: each may take END_WITHIN_S."""
    ends = [threading.Thread(target=keeper.end) for keeper in keepers]
    for end in ends:
        end.start()
    for end in ends:
        end.join()


def worker_of(run_dir: Path, stage: str, instance: str, purpose: str = "") -> WorkerSpec:
    """One worker of a stage."""
    name = f"{stage}.{instance}"
    command = (sys.executable, "-m", f"services.{stage}", instance, SUPERVISED_FLAG)
    return WorkerSpec(name, command, purpose, scrape_target_path(run_dir, name))
