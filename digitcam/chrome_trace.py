"""Spans as a Chrome trace, which Perfetto opens: a process for each worker, in it a thread for each camera. Pure.

Format: "Trace Event Format", Google, 2016.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from shared.telemetry.spans import Span

Spans = Mapping[str, Sequence[Span]]  # by worker
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TraceRow:
    """Where the spans of one worker and one camera are drawn."""

    pid: int
    tid: int


def to_events(spans: Spans) -> Iterator[Event]:
    """All events of a trace, times counted from its first span.

    In capture and in the queue frames overlap (one waits while the next one comes), so there each span is an
    asynchronous event, which has a line of its own; a worker does one thing after the other. Perfetto drops complete
    events that overlap.
    """
    rows = lay_out(spans)
    start = min((span.began_at for found in spans.values() for span in found), default=0.0)
    yield from names(rows)
    for worker, found in spans.items():
        for span in found:
            event = overlapping if can_overlap(worker) else complete
            yield from event(span, rows[worker, span.camera], start)
    yield from arrows(spans, rows, start)


def can_overlap(worker: str) -> bool:
    """Whether a process may hold several frames of a camera at a time, each for its own time."""
    return worker.startswith(("capture", "queue"))


def lay_out(spans: Spans) -> dict[tuple[str, str], TraceRow]:
    """A row for each worker and camera: workers in the order in which frames reach them, cameras by name."""
    age_s = reach(spans)
    return {
        (worker, camera): TraceRow(pid, tid)
        for pid, worker in enumerate(sorted(spans, key=lambda worker: (age_s[worker], worker)), 1)
        for tid, camera in enumerate(sorted({span.camera for span in spans[worker]}), 1)
    }


def reach(spans: Spans) -> dict[str, float]:
    """How old a frame is when it reaches each worker, in the median; a worker that had none comes last."""
    first: dict[tuple[str, int], float] = {}
    for span in (span for found in spans.values() for span in found):
        first[span.camera, span.seq] = min(span.began_at, first.get((span.camera, span.seq), span.began_at))
    ages = {worker: [span.began_at - first[span.camera, span.seq] for span in found] for worker, found in spans.items()}
    return {worker: median(ages[worker]) if ages[worker] else inf for worker in spans}


def names(rows: Mapping[tuple[str, str], TraceRow]) -> Iterator[Event]:
    """What is written before each row."""
    for (worker, camera), row in rows.items():
        yield {"ph": "M", "name": "process_name", "pid": row.pid, "args": {"name": worker}}
        yield {"ph": "M", "name": "process_sort_index", "pid": row.pid, "args": {"sort_index": row.pid}}
        yield {"ph": "M", "name": "thread_name", "pid": row.pid, "tid": row.tid, "args": {"name": camera}}


def complete(span: Span, row: TraceRow, start: float) -> Iterator[Event]:
    """A span in a row where spans do not overlap."""
    yield describe(span, row, start) | {"ph": "X", "dur": microseconds(span.ended_at - span.began_at)}


def overlapping(span: Span, row: TraceRow, start: float) -> Iterator[Event]:
    """A span that may overlap others: its beginning and its end, tied by an id."""
    begin = describe(span, row, start) | {"id": f"{span.camera}/{span.seq}/{span.what}"}
    yield begin | {"ph": "b"}
    yield begin | {"ph": "e", "ts": microseconds(span.ended_at - start)}


def describe(span: Span, row: TraceRow, start: float) -> Event:
    """What every event of a span says."""
    about = {"camera": span.camera, "seq": span.seq, "note": span.note}
    place = {"pid": row.pid, "tid": row.tid, "ts": microseconds(span.began_at - start)}
    return {"name": span.what, "cat": "frame", "args": about, **place}


def arrows(spans: Spans, rows: Mapping[tuple[str, str], TraceRow], start: float) -> Iterator[Event]:
    """Flow events: an arrow along each frame, from each worker to the next; there is none from an overlapping span."""
    frames: dict[tuple[str, int], list[tuple[float, str]]] = {}
    for worker in spans:
        for span in spans[worker] if not can_overlap(worker) else ():
            frames.setdefault((span.camera, span.seq), []).append((span.began_at, worker))
    for number, ((camera, _), steps) in enumerate(frames.items(), 1):
        phases = ["s", *"t" * (len(steps) - 2), "f"] if len(steps) > 1 else []
        for phase, (began_at, worker) in zip(phases, sorted(steps), strict=False):
            row = rows[worker, camera]
            place = {"pid": row.pid, "tid": row.tid, "ts": microseconds(began_at - start)}
            yield {"ph": phase, "id": number, "name": "frame", "cat": "flow", "bp": "e", **place}


def microseconds(seconds: float) -> float:
    """The format's unit of time, to a tenth."""
    return round(seconds * 1e6, 1)
