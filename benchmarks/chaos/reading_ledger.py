"""Counts from outside how often each picture of a file was read, by what GET /api/stream sends."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise

from benchmarks.chaos.reading_watcher import READ

FROM_THE_FIRST = "0"


class ReadingLedger:
    """Listens in a thread as any program would: when the connection ends, it connects again and says what it has."""

    def __init__(self) -> None:
        self.port = 0  # of the web interface; another one after a new start
        self._read: Counter[int] = Counter()
        self._others: Counter[str] = Counter()  # frames that ended without a reading, by outcome
        self._wrong = 0  # whose reading is that of another picture
        self._heard_at: list[float] = []
        self._last_id = FROM_THE_FIRST
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._is_over.set()
        self._thread.join()

    @property
    def pictures(self) -> int:
        """How many different pictures were read."""
        return len(self._read)

    @property
    def twice(self) -> int:
        """How many pictures were read more than once."""
        return sum(count > 1 for count in self._read.values())

    @property
    def wrong(self) -> int:
        """How many readings do not say what is in the picture: its index."""
        return self._wrong

    @property
    def others(self) -> dict[str, int]:
        """Frames that ended without a reading, by outcome."""
        return dict(self._others)

    @property
    def longest_hole_s(self) -> float:
        """The longest time between two readings."""
        return max((after - before for before, after in pairwise(self._heard_at)), default=0.0)

    def wait_for(self, pictures: int, patience_s: float) -> bool:
        """Wait until so many pictures were read; return False if none comes for a while."""
        known, changed_at = self.pictures, time.monotonic()
        while self.pictures < pictures:
            now = time.monotonic()
            if self.pictures != known:
                known, changed_at = self.pictures, now
            if now - changed_at > patience_s:
                return False
            time.sleep(0.002)
        return True

    def _run(self) -> None:
        while not self._is_over.wait(0.02):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.3) as connection:
                connection.settimeout(1.0)
                lines = [
                    "GET /api/stream HTTP/1.1",
                    f"Host: 127.0.0.1:{self.port}",
                    f"Last-Event-ID: {self._last_id}",
                ]
                connection.sendall("\r\n".join([*lines, "", ""]).encode())
                self._listen(connection.makefile("rb"))

    def _listen(self, lines: Iterable[bytes]) -> None:
        record_id = ""
        for line in lines:
            if line.startswith(b"id: "):
                record_id = line[4:].strip().decode()
            elif line.startswith(b"data: ") and record_id:  # only the reading of a file has an id
                self._note(json.loads(line[6:]))
                self._last_id, record_id = record_id, ""
            if self._is_over.is_set():
                return

    def _note(self, reading: dict[str, object]) -> None:
        self._heard_at.append(time.monotonic())
        index, numbers = reading["index"], reading["numbers"]
        if not isinstance(index, int) or not isinstance(numbers, list) or reading["outcome"] not in READ:
            self._others[str(reading["outcome"])] += 1
            return
        self._read[index] += 1
        self._wrong += [number["text"] for number in numbers] != [write_index(index)]


def write_index(index: int) -> str:
    """Return what is written in a picture."""
    return f"{index:04d}"
