"""Spans are kept only while something records."""

import json
import threading
import time

import pytest

from shared.messaging.messages import Frame, Ready
from shared.pipeline import Stage
from shared.service.stage_loop import run_loop
from shared.telemetry import spans
from shared.telemetry.health import Health
from shared.telemetry.spans import Span, SpanRecorder
from shared.telemetry.status_server import serve_status
from tests.shared.service.test_stage_loop import BatchQueue, frame, refuse
from tests.shared.telemetry.test_status_server import request


def span(seq: int) -> Span:
    return Span("inference", "cam", seq, 1.0, 2.0)


def wait_until(recorder: SpanRecorder, is_on: bool) -> None:
    deadline = time.monotonic() + 5
    while recorder.is_on != is_on:
        assert time.monotonic() < deadline


def test_nothing_is_kept_while_nothing_records() -> None:
    recorder = SpanRecorder()
    recorder.add(span(1))
    assert recorder.record(0) == []
    assert not recorder.is_on


def test_two_recordings_at_once_each_get_all_spans_of_their_time() -> None:
    recorder, got = SpanRecorder(), {}
    threads = [
        threading.Thread(target=lambda name=name, s=s: got.update({name: recorder.record(s)}))
        for name, s in (("short", 0.05), ("long", 0.3))
    ]
    for thread in threads:
        thread.start()
    wait_until(recorder, is_on=True)
    recorder.add(span(1))
    threads[0].join()
    recorder.add(span(2))
    threads[1].join()
    assert [one.seq for one in got["long"]] == [1, 2]
    assert not recorder.is_on


def test_memory_is_bounded_and_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "MAX_SPANS", 3)
    recorder, got = SpanRecorder(), []
    thread = threading.Thread(target=lambda: got.extend(recorder.record(0.2)))
    thread.start()
    wait_until(recorder, is_on=True)
    for seq in range(10):
        recorder.add(span(seq))
    thread.join()
    assert [one.seq for one in got] == [7, 8, 9]


@pytest.mark.parametrize("query", ["", "?seconds=soon", "?seconds=1&seconds=2"])
def test_request_with_a_wrong_duration_is_refused(query: str) -> None:
    with serve_status(Health()) as port:
        assert request(port, f"/trace{query}")[0] == 400


def test_work_of_a_stage_is_in_the_trace() -> None:
    responses = []
    with serve_status(Health()) as port:
        requesting = threading.Thread(target=lambda: responses.append(request(port, "/trace?seconds=0.3")))
        requesting.start()
        wait_until(spans.TRACE, is_on=True)
        queue = BatchQueue([frame(1), frame(2)], [])
        run_loop(
            queue,
            Ready(role=Stage.PREPROCESS, name="p", credit=4, with_jpeg=False),
            Frame,
            refuse,
            queue.stop,
            Health(),
        )
        requesting.join()
    ((status, text),) = responses
    assert status == 200
    assert [Span(**fields) for fields in json.loads(text)] == [
        Span("preprocess", "cam", seq, 10.0, 10.0, "batch of 2") for seq in (1, 2)
    ]
