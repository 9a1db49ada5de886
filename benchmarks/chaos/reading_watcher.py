"""Judges a pipeline from outside: when each camera was read, by what GET /api/stream sends."""

import bisect
import json
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise

from shared.pipeline import Outcome

GAP_S = 0.5  # without a reading of a camera is a hole; more if it sends less than ten a second
FLOW_READINGS = 3  # a camera is read if it had this many readings in a time that is no hole
GAP_FRAMES = 5
READ = {Outcome.READ, Outcome.UNCHANGED, Outcome.FOLLOWED}  # nothing is followed without readings


class ReadingWatcher:
    """Listens in a thread, and connects again whenever the connection ends. Times are of time.monotonic()."""

    def __init__(self, port: int, cameras: Sequence[str], fps: float = 30.0, token: str = "") -> None:
        self._port = port
        self._login = f"Authorization: Bearer {token}\r\n" if token else ""
        self._gap_s = max(GAP_S, GAP_FRAMES / fps)
        self._read_at: dict[str, list[float]] = {camera: [] for camera in cameras}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(0.02):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 0.3) as connection:
                connection.settimeout(1.0)
                host = f"127.0.0.1:{self._port}"
                connection.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {host}\r\n{self._login}\r\n".encode())
                self._listen(connection.makefile("rb"))

    def _listen(self, lines: Iterable[bytes]) -> None:
        kind = b""
        for line in lines:
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: ") and kind == b"reading":
                reading = json.loads(line[6:])
                if reading["outcome"] in READ and reading["camera"] in self._read_at:
                    self._read_at[reading["camera"]].append(time.monotonic())
            if self._is_over.is_set():
                return

    def is_reading(self, now: float, since: float = 0.0) -> bool:
        """Return whether each camera is read now, and was not only before `since`."""
        begin = max(since, now - self._gap_s)
        return all(len(times) - bisect.bisect(times, begin) >= FLOW_READINGS for times in self._read_at.values())

    def find_recovery_s(self, since: float, now: float) -> float:
        """Return how long after `since` the last hole of any camera ended; 0 without one."""
        ends = [find_last_hole_end(times, since, now, self._gap_s) for times in self._read_at.values()]
        return max(ends) - since

    def find_longest_gap_s(self, since: float, now: float) -> float:
        """Return the longest time that any camera was without a reading."""
        gaps = []
        for times in self._read_at.values():
            within = [since, *times[bisect.bisect(times, since) : bisect.bisect(times, now)], now]
            gaps += [after - before for before, after in pairwise(within)]
        return max(gaps)

    def count_readings(self, since: float, until: float) -> int:
        """Return how many readings came in this time."""
        return sum(bisect.bisect(times, until) - bisect.bisect(times, since) for times in self._read_at.values())


def find_last_hole_end(times: Sequence[float], since: float, now: float, gap_s: float = GAP_S) -> float:
    """Return when the last hole of more than gap_s ended; `since` without one, now if it has not ended."""
    within = [since, *times[bisect.bisect(times, since) : bisect.bisect(times, now)]]
    if now - within[-1] > gap_s:
        return now
    holes = [after for before, after in pairwise(within) if after - before > gap_s]
    return max(holes, default=since)
