"""A worker that is forked from its supervisor, and so shares the memory of every module that the supervisor has.

A capture process has 11 MB of its own this way, and 40 if it imports numpy, OpenCV and FFmpeg by itself
(docs/decisions/0040). Linux only: elsewhere a process that has used libraries with threads must not be forked.
"""

import logging
import math
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import IO, NoReturn

from shared.service.collector import freeze_start
from shared.service.signals import descriptor_limit, set_command_line

POLL_S = 0.01
MAX_DESCRIPTORS = 1 << 20  # that a process may have inherited, if the system sets no limit
PRELOADED: set[str] = set()  # modules that this process has imported for its workers


def can_fork() -> bool:
    """Return whether this system can run workers in this way."""
    return sys.platform == "linux"


def preload(modules: Iterable[str]) -> None:
    """Import what the workers need, once, although the list of cameras changes again and again.

    The collectors of the workers leave it alone, since looking at an object copies its memory. The supervisor's own
    does too, and would never collect what becomes garbage later: so nothing is frozen without need.
    """
    new = set(modules) - PRELOADED
    for module in new:
        import_module(module)
        if module.endswith(".__main__"):
            del sys.modules[module]  # what it imports stays; runpy would warn of a second one
    if new:
        PRELOADED.update(new)
        freeze_start()


class ForkedWorker:
    """What a supervisor needs of subprocess.Popen, for a command of the form `python -m MODULE ARGUMENT ...`."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], **_pipes: int) -> None:
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        self._lock = threading.Lock()  # it may be ended by another thread than the one that polls
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            become_worker(command, env, theirs_in, theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        self.stdin: IO[bytes] | None = open(ours_in, "wb", buffering=0)  # noqa: PTH123, SIM115 - a descriptor, closed by the supervisor
        self.stdout: IO[bytes] | None = open(ours_out, "rb")  # noqa: PTH123, SIM115

    def poll(self) -> int | None:
        """Return the exit code, a negative signal number if it was killed; None while it runs."""
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout or 0.0)
            time.sleep(POLL_S)
        return code

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def become_worker(command: Sequence[str], env: Mapping[str, str], stdin: int, stdout: int) -> NoReturn:
    """Run a command's module in this process, which was just forked, as if it were a new one; then exit.

    Nothing of the supervisor may be unwound, and none of its files stay open: a worker ends when its standard input
    does, so no other worker may hold the other end.
    """
    set_command_line(("python", *command[1:]))
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.closerange(3, min(descriptor_limit(), MAX_DESCRIPTORS))
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) and number != signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
    logging.getLogger().handlers.clear()
    os.environ.clear()
    os.environ.update(env)
    os._exit(run_module(command))


def run_module(command: Sequence[str]) -> int:
    """Run the module of `python -m MODULE ARGUMENT ...`; return the exit code."""
    _, _, module, *arguments = command
    sys.argv = [module, *arguments]
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - as the interpreter does at the top
        traceback.print_exc()
        code = 1
    if "zmq" in sys.modules:
        from shared.messaging.sockets import close_sockets  # noqa: PLC0415 - not every worker has sockets

        close_sockets()
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1
