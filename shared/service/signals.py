"""What every process does, parent or worker: log, stop on a signal, notice a dead parent, end for a known reason.

The only file with calls that operating systems answer differently. No import here costs memory or time.
"""

import logging
import os
import signal
import sys
import threading
from pathlib import Path

KEPT = "--kept"  # on a worker's command line: its parent holds the other end of standard input
STOPPED = 143  # as a shell says of SIGTERM: a worker that was told to end, and is started again unless its parent did
WRONG_SETTING = 78  # EX_CONFIG of sysexits.h: a restart would not help; 1 is what a bug's traceback ends with


def open_log(name: str) -> None:
    """One line for each change of state, to standard error; honcho puts the time and its own name in front."""
    line = os.environ.get("HONCHO_PROCESS_NAME")
    form = "%(message)s" if name == line else f"{name}: %(message)s"
    logging.basicConfig(format=form if line else "%(asctime)s " + form, datefmt="%H:%M:%S", level=logging.INFO)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM, SIGINT and a terminal that is closed set; loops look at it, so that nothing is torn."""
    stop = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):  # Windows has no SIGHUP, and nohup has it ignored
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    return stop


def ignore_hangup() -> None:
    """Leave it to the parent what is to be done when the terminal is closed, or the settings are to be read again."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def note_hangup() -> threading.Event:
    """An event that SIGHUP sets: settings have changed. Windows has no such signal."""
    changed = threading.Event()
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: changed.set())
    return changed


def target_file(run_dir: Path, worker: str) -> Path:
    """Where a worker's scrape target is written; a camera's name may hold what a file's may not."""
    return run_dir / "targets" / ("".join(c if c.isalnum() or c in ".-" else "_" for c in worker) + ".json")


def stop_with_parent(stop: threading.Event, dismissed: threading.Event) -> None:
    """Stop when standard input ends: the parent is gone, also after a kill -9 and also on Windows.

    A byte before its end is the parent's word that this worker is not wanted any more.
    """

    def wait() -> None:
        if os.read(
            sys.stdin.fileno(), 1
        ):  # not sys.stdin.read: it would hold a lock that the interpreter wants at exit
            dismissed.set()
        stop.set()

    threading.Thread(target=wait, name="parent", daemon=True).start()
