"""Programs that a check starts and talks to line by line; they end with it at the latest."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

EXIT_STOPPED = 3  # not every step ran in time
CHILDREN: list["subprocess.Popen[str]"] = []


def start_child(command: Sequence[str], environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start a program in a group of its own; it ends with this one at the latest."""
    child = subprocess.Popen(
        command,
        env=os.environ | (environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    CHILDREN.append(child)
    return child


def end_child(child: "subprocess.Popen[str]") -> None:
    """End a program as Ctrl-C would; kill it if that takes long."""
    child.terminate()
    try:
        child.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
    CHILDREN.remove(child)


def read_line(child: "subprocess.Popen[str]") -> str:
    """Return the next line of a program's output. Raises RuntimeError with its errors if it has ended."""
    assert child.stdout  # noqa: S101 - for mypy: it is a pipe
    assert child.stderr  # noqa: S101
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(child.stderr.read()[-1000:])
    return line.strip()


def write_line(child: "subprocess.Popen[str]", line: str) -> None:
    assert child.stdin  # noqa: S101 - for mypy: it is a pipe
    child.stdin.write(line + "\n")
    child.stdin.flush()


@contextmanager
def stop_after(limit_s: float) -> Iterator[None]:
    """End this program and its children after a while, whatever hangs."""

    def stop() -> None:
        print(f"stopped after {limit_s:g} s", file=sys.stderr, flush=True)
        for child in CHILDREN:
            child.kill()
        os._exit(EXIT_STOPPED)

    timer = threading.Timer(limit_s, stop)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()
