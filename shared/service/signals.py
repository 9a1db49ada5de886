"""Logging, signals and exit codes, for supervisors and workers alike.

Only this file makes calls that differ between operating systems. Its imports cost no memory or time.
"""

import _thread
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

SUPERVISED_FLAG = "--supervised"  # in a worker's command line: its supervisor holds the other ends of two pipes
RESTARTS_VARIABLE = "DIGITCAM_RESTARTS"  # in a worker's environment: crashed=1,hung=0
START_VARIABLE = "DIGITCAM_START"  # in a worker's environment: names the start of its supervisor
HEARTBEAT = b"\x06"  # ACK: what a worker sends to its supervisor; other output is not taken for it
END_WITHIN_S = 1.5  # a process that is told to stop; then it is killed, so that Ctrl-C gives the prompt back within 2 s
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
M_MMAP_THRESHOLD, LARGE_BYTES = -3, 256 * 1024  # of <malloc.h>
EXIT_STOPPED = 143  # as a shell reports SIGTERM; a supervisor that did not stop the worker starts it again
EXIT_WRONG_SETTING = 78  # EX_CONFIG of sysexits.h: a restart would not help; a bug's traceback exits with 1


def configure_logging(name: str) -> None:
    """Log to standard error, a line for each change of state; honcho puts the time and its own name in front."""
    honcho_name = os.environ.get("HONCHO_PROCESS_NAME")
    form = "%(message)s" if name == honcho_name else f"{name}: %(message)s"
    logging.basicConfig(format=form if honcho_name else "%(asctime)s " + form, datefmt="%H:%M:%S", level=logging.INFO)


def stop_on_signals(on_signal: Callable[[], None] = lambda: None) -> threading.Event:
    """Return an event that SIGTERM, SIGINT or a closed terminal sets; loops check it between two steps."""
    stop = threading.Event()

    def handle(*_: object) -> None:
        on_signal()
        set_in_handler(stop)

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):  # Windows has no SIGHUP, and nohup ignores it
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handle)
    return stop


def set_in_handler(event: threading.Event) -> None:
    """Set an event in a signal handler, from another thread.

    The main thread may just be holding the event's lock, in wait(): set() would wait for it for ever.
    """
    try:
        _thread.start_new_thread(event.set, ())
    except RuntimeError:  # the process has too many, or ends
        event.set()


def ignore_hangup() -> None:
    """Leave SIGHUP to the supervisor, which stops or reads its settings again."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def watch_hangup() -> threading.Event:
    """Return an event that SIGHUP sets: settings have changed. Windows has no such signal."""
    changed = threading.Event()
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: set_in_handler(changed))
    return changed


def descriptor_limit() -> int:
    """Return how many files and connections this process may have open."""
    try:
        import resource  # noqa: PLC0415 - Windows has no such module, and no such limit
    except ImportError:
        return sys.maxsize
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit if limit != resource.RLIM_INFINITY else sys.maxsize


def scrape_target_path(run_dir: Path, worker: str) -> Path:
    """Return the path of a worker's scrape target, without characters that a file name cannot hold."""
    return run_dir / "targets" / ("".join(c if c.isalnum() or c in ".-" else "_" for c in worker) + ".json")


def stop_with_parent(stop: threading.Event, dismissed: threading.Event) -> None:
    """Stop when standard input ends. This notices a dead parent even after kill -9, and on Windows.

    A byte before the end means that this worker is no longer needed. A worker that hangs is ended here: nothing else
    would do it.
    """

    def wait() -> None:
        # sys.stdin.read would hold a lock that the interpreter needs at exit
        if os.read(sys.stdin.fileno(), 1):
            dismissed.set()
        stop.set()
        time.sleep(END_WITHIN_S)
        os._exit(EXIT_STOPPED)

    set_parent_death_signal(getattr(signal, "SIGCONT", 0))  # else a stopped worker would stay, stopped, for ever
    threading.Thread(target=wait, name="parent", daemon=True).start()


def set_parent_death_signal(number: int) -> None:
    """Let the kernel send this signal to this process when its parent dies. Only Linux can do that."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, number)


def return_large_memory() -> None:
    """Let glibc give large pieces of memory back as soon as they are freed.

    Else it learns from the first large ones to keep all: after hostile messages the queue stayed 46 MB larger, with
    this 16 MB. Only for processes without pictures: mapping memory anew costs time.
    """
    if LIBC and hasattr(LIBC, "mallopt"):  # musl has none
        LIBC.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


def set_command_line(words: Sequence[str]) -> None:
    """Show another command in ps and pgrep, as far as it fits in the place of this process's own. Linux only.

    setproctitle would also lie over /proc/PID/environ.
    """
    numbers = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = map(int, numbers[45:47])  # arg_start and arg_end, see proc(5): 0 if they are not told
    if start:
        shown = "\0".join(words).encode()[: end - start - 1]
        ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)


def open_heartbeat() -> Callable[[], None]:
    """Return a function that tells the supervisor that this process works; output goes to standard error from here.

    It never waits for the supervisor, which may be stopped.
    """
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if sys.platform != "win32":
        os.set_blocking(pipe, False)

    def send() -> None:
        with suppress(OSError):  # nobody reads
            os.write(pipe, HEARTBEAT)

    return send
