"""The loop of a stage: receive, ask for more, work, answer."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.messaging.frame_store import FrameStore
from shared.messaging.messages import Credit, Frame, Message, Ready, Refusal
from shared.messaging.sockets import HEARTBEAT_S
from shared.pipeline import DropReason, Stage
from shared.service.signals import START_VARIABLE
from shared.service.stage_loop import run_loop, worker_address
from shared.telemetry.health import Health, NotReady

READY = Ready(role=Stage.PREPROCESS, name="preprocess.1", credit=4, with_jpeg=False)
LEAVING = replace(READY, credit=0)


class BatchQueue:
    """Sends one batch after the other and stops the loop with the last; each receive takes some time."""

    def __init__(self, *batches: list[Message], receive_s: float = 0.0, batches_after_stop: int = 0) -> None:
        self.batches = list(batches)
        self.batches_after_stop = batches_after_stop
        self.receive_s = receive_s
        self.at = 0.0
        self.is_there = True
        self.denial = ""
        self.store = FrameStore()
        self.stop = threading.Event()
        self.sent: list[tuple[Message, ...]] = []

    def send(self, *messages: Message) -> bool:
        self.sent.append(messages)
        return self.is_there

    def receive(self, timeout_s: float) -> list[Message]:
        self.at += self.receive_s
        if len(self.batches) <= 1 + self.batches_after_stop:
            self.stop.set()
        return self.batches.pop(0) if self.batches else []

    def clock(self) -> float:
        return self.at

    def now(self) -> float:
        return 10.0

    @property
    def connected(self) -> bool:
        return True


def frame(seq: int) -> Frame:
    return Frame(camera="cam", seq=seq, captured_at=9.9, every_frame=False, jpeg=b"jpeg")


def refuse(frames: Sequence[Frame]) -> list[Refusal]:
    return [Refusal(frame.camera, frame.seq, DropReason.MALFORMED) for frame in frames]


def refusal(seq: int) -> Refusal:
    return Refusal("cam", seq, DropReason.MALFORMED)


def run(queue: BatchQueue) -> list[tuple[Message, ...]]:
    """Run the loop to its end, and return what it sent."""
    run_loop(queue, READY, Frame, refuse, queue.stop, Health(), queue.clock)
    return queue.sent


def test_worker_sends_one_message_a_frame() -> None:
    queue = BatchQueue([frame(1), frame(2)], [frame(3)], [])
    assert run(queue) == [(READY,), (refusal(1), refusal(2)), (refusal(3),), (LEAVING,)]


def test_idle_worker_sends_heartbeats() -> None:
    queue = BatchQueue([], [], [], receive_s=HEARTBEAT_S)
    assert run(queue) == [(READY,)] * 3 + [(LEAVING,)]


def test_busy_worker_sends_heartbeats_with_its_answers() -> None:
    queue = BatchQueue([frame(1)], [frame(2)], [frame(3)], [], receive_s=HEARTBEAT_S / 2)
    assert run(queue)[:4] == [(READY,), (refusal(1),), (refusal(2), READY), (refusal(3),)]


def test_worker_that_could_not_reach_the_queue_introduces_itself_again() -> None:
    queue = BatchQueue([], [], [])
    queue.is_there = False
    assert run(queue) == [(READY,)] * 3 + [(LEAVING,)]


def test_worker_that_is_told_to_stop_answers_all_that_it_holds() -> None:
    queue = BatchQueue([frame(1)], [frame(2)], batches_after_stop=1)
    assert run(queue) == [(READY,), (refusal(1), LEAVING), (refusal(2),)]


def test_message_for_another_stage_is_ignored() -> None:
    queue = BatchQueue([Credit("cam", 1), frame(1)], [])
    assert run(queue) == [(READY,), (refusal(1),), (LEAVING,)]


def test_address_fits_a_message() -> None:
    assert len(worker_address("x" * 100)) <= 64


def test_workers_of_two_containers_with_one_host_name_have_two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(START_VARIABLE, raising=False)
    assert worker_address("inference.1") != worker_address("inference.1")


def test_worker_that_its_supervisor_starts_again_keeps_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(START_VARIABLE, "0a1b2c3d")
    assert worker_address("inference.1") == worker_address("inference.1")
    assert worker_address("x" * 100).endswith(".0a1b2c3d")


def test_worker_that_the_queue_denies_frames_is_not_ready_and_says_why() -> None:
    queue, health = BatchQueue([], []), Health()
    queue.denial = "its networks are others"
    run_loop(queue, READY, Frame, refuse, queue.stop, health, queue.clock)
    assert (health.check_ready().reason, health.check_ready().message) == (NotReady.DENIED, "its networks are others")


def test_queue_is_told_at_once_of_other_networks() -> None:
    queue, weights = BatchQueue([], [], []), iter(["a", "a"])
    run_loop(queue, READY, Frame, refuse, queue.stop, Health(), queue.clock, weights=lambda: next(weights, "b"))
    assert [ready.weights for sent in queue.sent for ready in sent if isinstance(ready, Ready)] == ["a", "b", "b"]
