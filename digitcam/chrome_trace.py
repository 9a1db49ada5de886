"""Converts spans to a Chrome trace, which Perfetto opens: a process for each worker, in it a thread for each camera.

Format: "Trace Event Format", Google, 2016. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from shared.telemetry.spans import Span

WorkerSpans = Mapping[str, Sequence[Span]]  # by worker
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TraceRow:
    """The row in which the spans of one worker and one camera are drawn."""

    pid: int
    tid: int


def to_events(spans: WorkerSpans) -> Iterator[Event]:
    """Yield the events of a trace, with times relative to its first span.

    Perfetto drops complete events that overlap. Frames overlap in capture and in the queue, where one waits while the
    next arrives, so their spans are asynchronous events. A worker handles one batch at a time.
    """
    rows = lay_out_rows(spans)
    start = min((span.began_at for found in spans.values() for span in found), default=0.0)
    yield from row_titles(rows)
    for worker, found in spans.items():
        to_span_events = asynchronous_events if can_overlap(worker) else complete_events
        for span in found:
            yield from to_span_events(span, rows[worker, span.camera], start)
    yield from flow_events(spans, rows, start)


def can_overlap(worker: str) -> bool:
    """Return whether a process can hold several frames of a camera at once."""
    return worker.startswith(("capture", "queue"))


def lay_out_rows(spans: WorkerSpans) -> dict[tuple[str, str], TraceRow]:
    """Return the row of each worker and camera: workers in the order that frames reach them, cameras by name."""
    ages_s = median_ages(spans)
    return {
        (worker, camera): TraceRow(pid, tid)
        for pid, worker in enumerate(sorted(spans, key=lambda worker: (ages_s[worker], worker)), 1)
        for tid, camera in enumerate(sorted({span.camera for span in spans[worker]}), 1)
    }


def median_ages(spans: WorkerSpans) -> dict[str, float]:
    """Return the median age at which frames reach each worker, in seconds; infinite if it had none."""
    captured_at: dict[tuple[str, int], float] = {}
    for span in (span for found in spans.values() for span in found):
        frame = span.camera, span.seq
        captured_at[frame] = min(span.began_at, captured_at.get(frame, inf))
    ages_s = {
        worker: [span.began_at - captured_at[span.camera, span.seq] for span in found]
        for worker, found in spans.items()
    }
    return {worker: median(ages) if ages else inf for worker, ages in ages_s.items()}


def row_titles(rows: Mapping[tuple[str, str], TraceRow]) -> Iterator[Event]:
    """Yield the events that name each row."""
    for (worker, camera), row in rows.items():
        yield {"ph": "M", "name": "process_name", "pid": row.pid, "args": {"name": worker}}
        yield {"ph": "M", "name": "process_sort_index", "pid": row.pid, "args": {"sort_index": row.pid}}
        yield {"ph": "M", "name": "thread_name", "pid": row.pid, "tid": row.tid, "args": {"name": camera}}


def complete_events(span: Span, row: TraceRow, start: float) -> Iterator[Event]:
    """Yield the event of a span in a row without overlaps."""
    yield common_fields(span, row, start) | {"ph": "X", "dur": microseconds(span.ended_at - span.began_at)}


def asynchronous_events(span: Span, row: TraceRow, start: float) -> Iterator[Event]:
    """Yield begin and end of a span that may overlap others, tied by an id."""
    event = common_fields(span, row, start) | {"id": f"{span.camera}/{span.seq}/{span.name}"}
    yield event | {"ph": "b"}
    yield event | {"ph": "e", "ts": microseconds(span.ended_at - start)}


def common_fields(span: Span, row: TraceRow, start: float) -> Event:
    """Return the fields that all events of a span have."""
    arguments = {"camera": span.camera, "seq": span.seq, "note": span.note}
    place = {"pid": row.pid, "tid": row.tid, "ts": microseconds(span.began_at - start)}
    return {"name": span.name, "cat": "frame", "args": arguments, **place}


def flow_events(spans: WorkerSpans, rows: Mapping[tuple[str, str], TraceRow], start: float) -> Iterator[Event]:
    """Yield the arrows that follow each frame from worker to worker; asynchronous events can't have any."""
    frames: dict[tuple[str, int], list[tuple[float, str]]] = {}
    for worker in spans:
        for span in spans[worker] if not can_overlap(worker) else ():
            frames.setdefault((span.camera, span.seq), []).append((span.began_at, worker))
    for flow_id, ((camera, _), steps) in enumerate(frames.items(), 1):
        phases = ["s", *"t" * (len(steps) - 2), "f"] if len(steps) > 1 else []  # start, steps, finish
        for phase, (began_at, worker) in zip(phases, sorted(steps), strict=False):
            row = rows[worker, camera]
            place = {"pid": row.pid, "tid": row.tid, "ts": microseconds(began_at - start)}
            yield {"ph": phase, "id": flow_id, "name": "frame", "cat": "flow", "bp": "e", **place}


def microseconds(seconds: float) -> float:
    """Return a time in the unit of the format, to a tenth."""
    return round(seconds * 1e6, 1)
