"""Spans become a Chrome trace that shows where each frame was."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from digitcam.chrome_trace import to_events
from shared.telemetry.spans import Span

SPANS = {
    "inference.1": [Span("inference", "b", 2, 5.060, 5.080, "batch of 2"), Span("inference", "a", 1, 5.060, 5.080)],
    "queue.1": [
        Span("wait for inference", "a", 1, 5.020, 5.060),
        Span("frame", "a", 1, 5.000, 5.081, "inference: read"),
        Span("frame", "a", 3, 5.050, 5.090, "preprocess: stale"),
    ],
    "capture.a": [Span("capture", "a", 1, 5.000, 5.003), Span("capture", "a", 3, 5.050, 5.052)],
    "preprocess.1": [Span("preprocess", "a", 1, 5.010, 5.012)],
    "display.1": [Span("display", "a", 1, 5.082, 5.083, "read")],
    "display.2": [],
}


def events(phase: str) -> list[dict[str, Any]]:
    return [event for event in to_events(SPANS) if event["ph"] == phase]


def test_each_span_of_a_worker_is_one_event_in_microseconds_from_the_first() -> None:
    (event,) = [event for event in events("X") if event["name"] == "preprocess"]
    assert (event["ts"], event["dur"]) == (10_000.0, 2_000.0)
    assert event["args"] == {"camera": "a", "seq": 1, "note": ""}


def test_spans_of_capture_and_queue_can_overlap_so_each_has_its_own_id() -> None:
    begins, ends = events("b"), events("e")
    assert len({event["id"] for event in begins}) == len(begins) == 5
    assert {event["id"]: event["ts"] for event in ends} == {
        "a/1/capture": 3_000.0,
        "a/3/capture": 52_000.0,
        "a/1/wait for inference": 60_000.0,
        "a/1/frame": 81_000.0,
        "a/3/frame": 90_000.0,
    }


def test_workers_are_in_the_order_that_frames_reach_them() -> None:
    named = {event["args"]["name"]: event["pid"] for event in events("M") if event["name"] == "process_name"}
    in_order = ["capture.a", "queue.1", "preprocess.1", "inference.1", "display.1"]
    assert sorted(named, key=lambda name: named[name]) == in_order


def test_each_camera_of_a_worker_has_a_row_without_overlaps() -> None:
    rows = defaultdict(list)
    for event in events("X"):
        rows[event["pid"], event["tid"]].append(event)
    for row in rows.values():
        in_order = sorted(row, key=lambda event: event["ts"])
        assert all(one["ts"] + one["dur"] <= next_one["ts"] for one, next_one in pairwise(in_order))
    inference = [event for event in events("X") if event["name"] == "inference"]
    assert len({event["tid"] for event in inference}) == 2


def test_an_arrow_follows_each_frame_from_worker_to_worker() -> None:
    arrow = [(event["ph"], event["ts"]) for event in to_events(SPANS) if event.get("cat") == "flow"]
    assert arrow == [("s", 10_000.0), ("t", 60_000.0), ("f", 82_000.0)]


def test_no_spans_give_an_empty_trace() -> None:
    assert not list(to_events({"queue.1": []}))
