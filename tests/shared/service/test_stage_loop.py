"""The loop of a stage: receive, ask for more, work, answer."""

import threading
from collections.abc import Sequence

import pytest

from shared.messaging.messages import Credit, Frame, Message, Ready, Refusal
from shared.pipeline import DropReason, Stage
from shared.service.stage_loop import run_loop, worker_address
from shared.telemetry.health import Health

READY = Ready(role=Stage.PREPROCESS, name="preprocess.1", credit=4, with_jpeg=False)


class BatchQueue:
    """Sends one batch after the other, then stops the loop."""

    def __init__(self, *batches: list[Message]) -> None:
        self.batches = list(batches)
        self.stop = threading.Event()
        self.sent: list[tuple[Message, ...]] = []

    def send(self, *messages: Message) -> bool:
        self.sent.append(messages)
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        if len(self.batches) == 1:
            self.stop.set()
        return self.batches.pop(0)

    def now(self) -> float:
        return 10.0

    @property
    def connected(self) -> bool:
        return True


def frame(seq: int) -> Frame:
    return Frame(camera="cam", seq=seq, captured_at=9.9, every_frame=False, jpeg=b"jpeg")


def refuse(frames: Sequence[Frame]) -> list[Refusal]:
    return [Refusal(frame.camera, frame.seq, DropReason.MALFORMED) for frame in frames]


def test_worker_asks_for_more_before_it_works_and_answers_with_the_next_request() -> None:
    queue = BatchQueue([frame(1), frame(2)], [frame(3)], [])
    run_loop(queue, READY, Frame, refuse, queue.stop, Health())
    assert queue.sent == [
        (READY,),
        (READY,),
        (Refusal("cam", 1, DropReason.MALFORMED), Refusal("cam", 2, DropReason.MALFORMED), READY),
        (READY,),
        (Refusal("cam", 3, DropReason.MALFORMED), READY),
    ]


def test_idle_worker_sends_heartbeats() -> None:
    queue = BatchQueue([], [], [])
    run_loop(queue, READY, Frame, refuse, queue.stop, Health())
    assert queue.sent == [(READY,)] * 3


def test_message_for_another_stage_is_ignored() -> None:
    queue = BatchQueue([Credit("cam", 1), frame(1)], [])
    run_loop(queue, READY, Frame, refuse, queue.stop, Health())
    assert queue.sent[-1] == (Refusal("cam", 1, DropReason.MALFORMED), READY)


def test_address_fits_a_message() -> None:
    assert len(worker_address("x" * 100)) <= 64


def test_workers_of_two_machines_of_one_name_have_two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    here = worker_address("x" * 100)
    monkeypatch.setattr("shared.service.stage_loop.getnode", lambda: 0x0242AC110002)
    assert worker_address("x" * 100) != here
