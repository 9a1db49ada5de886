"""Notices that whatever started this process is gone: honcho, also after kill -9, or the shell that it was typed into.

honcho forks a helper for each line, which starts the line in a session of its own:
honcho -> helper -> (sh ->) digitcam run. The helper lives until the line ends, so the line must watch honcho itself.
And honcho waits for ever for a helper that was killed. So whatever dies, the line ends, and the others with it.
"""

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from shared.service.signals import END_WITHIN_S

END_LATEST_S = END_WITHIN_S + 0.4  # of a line that ends: its workers may take END_WITHIN_S
HONCHO_VARIABLE = "HONCHO_PROCESS_NAME"


class Launcher:
    """The processes above this one, as they were when it started."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._line = self._helper = self._honcho = self._group = 0
        if HONCHO_VARIABLE in os.environ and sys.platform != "win32" and os.getsid(0) in {os.getpid(), self._parent}:
            self._line = os.getsid(0)  # this process, or the shell between
            self._helper = find_parent(self._line)
            self._honcho = find_parent(self._helper)
            self._group = find_group(self._honcho)

    @property
    def is_alive(self) -> bool:
        """Whether all of them live."""
        if os.getppid() != self._parent:
            return False
        if not self._honcho:
            return True
        if sys.platform == "linux":
            return find_parent(self._line) == self._helper and find_parent(self._helper) == self._honcho
        try:
            os.kill(self._honcho, 0)
        except ProcessLookupError:
            return False
        return True

    def limit_end(self) -> None:
        """Let the kernel end this process soon, whatever it hangs in: honcho waits 5 s, and a dead one for ever."""
        if self._honcho and not signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, END_LATEST_S)

    def end_survivors(self) -> None:
        """End what could not end by itself after one of them died. To be called as the last thing."""
        if not self._honcho or (find_parent(self._line) == self._helper and find_parent(self._helper) == self._honcho):
            return
        if find_parent(self._helper) == self._honcho:  # a zombie, since honcho never waits for it
            logging.error("honcho's process for this line was killed: ending honcho, which would wait for it for ever")
            os.kill(self._honcho, signal.SIGKILL)
            return
        with suppress(ProcessLookupError):
            os.kill(self._helper, signal.SIGCONT)  # it ends with its line, unless it is stopped
        if sys.platform == "linux":
            continue_lines(self._group)


def continue_lines(group: int) -> None:
    """Continue the other lines of a honcho that is gone: one that is stopped would stay, with its workers, for ever.

    A line is a session, begun by a child of a helper. group: the process group of the helpers.
    """
    for pid in [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]:
        with suppress(OSError):  # it has just ended, or belongs to another user
            if os.getsid(pid) == pid and find_group(find_parent(pid)) == group:
                os.killpg(pid, signal.SIGCONT)


def find_group(pid: int) -> int:
    """Return the process group of a process; 0 if there is no such process."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def find_parent(pid: int) -> int:
    """Return the parent of a process; 0 if there is no such process."""
    try:
        if sys.platform == "linux":
            return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=False).stdout)
    except (OSError, ValueError):
        return 0
