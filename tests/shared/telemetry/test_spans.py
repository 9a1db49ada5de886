"""Spans are kept for those who record, and for nobody else."""

import json
import threading
import time

import pytest

from shared.messaging.messages import Frame, Ready
from shared.pipeline import Stage
from shared.service.stage_loop import run_loop
from shared.telemetry import spans
from shared.telemetry.health import Health
from shared.telemetry.spans import Recorder, Span
from shared.telemetry.status_server import status_port
from tests.shared.service.test_stage_loop import FakeQueue, frame, refuse
from tests.shared.telemetry.test_status_server import ask


def span(seq: int) -> Span:
    return Span("inference", "cam", seq, 1.0, 2.0)


def wait_until(recorder: Recorder, is_on: bool) -> None:
    deadline = time.monotonic() + 5
    while recorder.is_on != is_on:
        assert time.monotonic() < deadline


def test_nothing_is_kept_while_nobody_records() -> None:
    recorder = Recorder()
    recorder.add(span(1))
    assert recorder.record(0) == []
    assert not recorder.is_on


def test_two_who_record_at_once_get_all_of_their_own_time() -> None:
    recorder, got = Recorder(), {}
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
    monkeypatch.setattr(spans, "MOST_SPANS", 3)
    recorder, got = Recorder(), []
    thread = threading.Thread(target=lambda: got.extend(recorder.record(0.2)))
    thread.start()
    wait_until(recorder, is_on=True)
    for seq in range(10):
        recorder.add(span(seq))
    thread.join()
    assert [one.seq for one in got] == [7, 8, 9]


@pytest.mark.parametrize("query", ["", "?seconds=soon", "?seconds=1&seconds=2"])
def test_question_that_makes_no_sense_is_refused(query: str) -> None:
    with status_port(Health()) as port:
        assert ask(port, f"/trace{query}") == (400, "/trace takes ?seconds=5\n")


def test_work_of_a_loop_is_on_the_trace() -> None:
    answers = []
    with status_port(Health()) as port:
        asking = threading.Thread(target=lambda: answers.append(ask(port, "/trace?seconds=0.3")))
        asking.start()
        wait_until(spans.TRACE, is_on=True)
        queue = FakeQueue([frame(1), frame(2)], [])
        run_loop(queue, Ready(Stage.PREPROCESS, "p", 4, False), Frame, refuse, queue.stop, Health())
        asking.join()
    rows = [["preprocess", "cam", seq, 10.0, 10.0, "batch of 2"] for seq in (1, 2)]
    assert (answers[0][0], json.loads(answers[0][1])) == (200, rows)
