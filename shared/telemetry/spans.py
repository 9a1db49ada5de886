"""When each process worked on which frame: kept while somebody traces, and only then."""

import threading
import time
from collections import deque
from dataclasses import astuple, dataclass

MOST_SPANS = 100_000  # of one recording: ten cameras at 30 frames/s for a minute, 20 MB
LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """One frame's time in one process's hands; times by the queue's clock, in seconds."""

    what: str
    camera: str
    seq: int
    began_at: float
    ended_at: float
    note: str = ""


class Recorder:
    """The spans of a process, for all who record at the moment."""

    def __init__(self) -> None:
        self._recordings: tuple[deque[Span], ...] = ()  # replaced as a whole: loops read it without a lock
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether anybody records: ask before a span is made of what costs time to gather."""
        return bool(self._recordings)

    def add(self, span: Span) -> None:
        """Keep a span for those who record."""
        for recording in self._recordings:
            recording.append(span)

    def record(self, seconds: float) -> list[Span]:
        """Wait so long, and return the spans of that time; the newest where there were more than MOST_SPANS."""
        spans: deque[Span] = deque(maxlen=MOST_SPANS)
        with self._lock:
            self._recordings = (*self._recordings, spans)
        time.sleep(min(seconds, LONGEST_S))
        with self._lock:
            self._recordings = tuple(other for other in self._recordings if other is not spans)
        return list(spans)


TRACE = Recorder()


def to_rows(spans: list[Span]) -> list[tuple[str, str, int, float, float, str]]:
    """Spans as lists of values, for JSON."""
    return [astuple(span) for span in spans]
