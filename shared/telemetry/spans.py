"""Spans: when each process worked on which frame. Kept only while `digitcam trace` records."""

import threading
import time
from collections import deque
from dataclasses import dataclass

MAX_SPANS = 100_000  # in one recording: ten cameras at 30 frames/s for a minute, 20 MB
MAX_RECORDING_S = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """The time that one process spent on one frame, in seconds of the queue's clock."""

    name: str
    camera: str
    seq: int
    began_at: float
    ended_at: float
    note: str = ""


class SpanRecorder:
    """Collects the spans of a process for every recording in progress."""

    def __init__(self) -> None:
        self._recordings: tuple[deque[Span], ...] = ()  # replaced as a whole: loops read it without a lock
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether a recording is in progress. Check it before you gather what a span needs."""
        return bool(self._recordings)

    def add(self, span: Span) -> None:
        for recording in self._recordings:
            recording.append(span)

    def record(self, seconds: float) -> list[Span]:
        """Block for some seconds and return the spans of that time, at most the newest MAX_SPANS."""
        spans: deque[Span] = deque(maxlen=MAX_SPANS)
        with self._lock:
            self._recordings = (*self._recordings, spans)
        time.sleep(min(seconds, MAX_RECORDING_S))
        with self._lock:
            self._recordings = tuple(other for other in self._recordings if other is not spans)
        return list(spans)


TRACE = SpanRecorder()
