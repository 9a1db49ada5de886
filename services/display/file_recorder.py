"""Records how each frame of a file ended, and then tells the queue, which holds the frame until it is told."""

import logging
import math
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

from shared.file_reading.frame_records import FrameRecord, FrameRecords
from shared.messaging.messages import Recorded, View
from shared.pipeline import Stage
from shared.telemetry import metrics

RETRY_S = 1.0  # between two attempts to write, as on a full disk; meanwhile the queue sends no more than it holds
WAITS = "how frames of files end can't be recorded in RUN_DIR (%s): files are not read on until it can"


class RecordedSink(Protocol):
    """Tells a file's queue what is recorded."""

    def send(self, *messages: Recorded) -> bool: ...


class FileRecorder:
    """Views of files on their way into the record."""

    def __init__(self, queue: RecordedSink, records: FrameRecords, wall: Callable[[], float] = time.time) -> None:
        self._queue, self._records, self._wall = queue, records, wall
        self._waiting: list[FrameRecord] = []
        self._retry_at = -math.inf

    def record(self, views: Sequence[View], now: float) -> list[Recorded]:
        """Record views of files with those that still wait, and return what is new; now is in the queue's clock."""
        self._waiting += [make_record(view, self._wall() - now + view.captured_at) for view in views if view.position]
        if not self._waiting or now < self._retry_at:
            return []
        try:
            known = self._records.add(self._waiting)
        except sqlite3.Error as error:
            if self._retry_at == -math.inf:
                logging.warning(WAITS, error)
            self._retry_at = now + RETRY_S
            return []
        self._retry_at = -math.inf
        for record in known:
            metrics.RESENT.labels(record.camera, Stage.DISPLAY).inc()
        recorded, self._waiting = group_positions(self._waiting), []
        self._queue.send(*recorded)  # if the queue is away, capture sends the frames again
        return recorded


def make_record(view: View, captured_at: float) -> FrameRecord:
    """Return the record of a view of a file's frame; captured_at is in seconds since 1970."""
    if view.position is None:
        raise ValueError("a live frame is not recorded")
    return FrameRecord(
        camera=view.camera,
        position=view.position,
        seq=view.seq,
        captured_at=captured_at,
        outcome=view.outcome,
        width=view.width,
        height=view.height,
        digits=view.digits,
    )


def group_positions(records: Sequence[FrameRecord]) -> list[Recorded]:
    """Return a message for each file."""
    indices: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for record in records:
        indices[record.camera, record.position.stamp].append(record.position.index)
    return [Recorded(camera, stamp, tuple(found)) for (camera, stamp), found in indices.items()]
