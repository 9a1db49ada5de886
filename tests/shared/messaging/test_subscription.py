"""A viewer asks for views before the queue runs out of its credit."""

import pytest

from shared.messaging.messages import Message, Ready, Selection, View
from shared.messaging.sockets import HEARTBEAT_S
from shared.messaging.subscription import ViewSubscription
from shared.pipeline import Outcome, Stage

CREDIT = 4
VIEW = View(camera="cam", seq=1, captured_at=0.0, outcome=Outcome.STALE, width=0, height=0, digits=(), jpeg=b"")


class FakeViewQueue:
    """Sends as many views at each receive as a test sets."""

    connected = True

    def __init__(self) -> None:
        self.at = 100.0
        self.views = 0
        self.asked: list[Ready] = []
        self.is_there = True

    def now(self) -> float:
        return self.at

    def send(self, *messages: Message) -> bool:
        self.asked += [message for message in messages if isinstance(message, Ready)]
        return self.is_there

    def receive(self, timeout_s: float) -> list[Message]:
        return [VIEW] * self.views


@pytest.fixture
def queue() -> FakeViewQueue:
    return FakeViewQueue()


@pytest.fixture
def subscription(queue: FakeViewQueue) -> ViewSubscription:
    subscription = ViewSubscription(queue, "viewer", CREDIT, lambda: queue.at)
    subscription.receive(0)
    return subscription


def test_first_receive_asks_for_the_whole_credit(queue: FakeViewQueue, subscription: ViewSubscription) -> None:
    assert queue.asked == [Ready(role=Stage.DISPLAY, name="viewer", credit=CREDIT, with_jpeg=True)]


def test_credit_is_renewed_once_half_of_it_is_used(queue: FakeViewQueue, subscription: ViewSubscription) -> None:
    queue.views = 1
    subscription.receive(0)
    assert len(queue.asked) == 1
    subscription.receive(0)
    subscription.receive(0)
    assert len(queue.asked) == 2


def test_idle_viewer_sends_heartbeats(queue: FakeViewQueue, subscription: ViewSubscription) -> None:
    queue.at += HEARTBEAT_S / 2
    subscription.receive(0)
    assert len(queue.asked) == 1
    queue.at += HEARTBEAT_S / 2
    subscription.receive(0)
    assert len(queue.asked) == 2


def test_viewer_that_no_longer_wants_jpegs_says_so_at_once(
    queue: FakeViewQueue, subscription: ViewSubscription
) -> None:
    subscription.receive(0, Selection(pictures=()))
    assert [ready.with_jpeg for ready in queue.asked] == [True, False]


def test_viewer_asks_again_at_once_if_the_queue_is_away(queue: FakeViewQueue) -> None:
    subscription = ViewSubscription(queue, "viewer", CREDIT, lambda: queue.at)
    queue.is_there = False
    for _ in range(3):
        subscription.receive(0)
    assert len(queue.asked) == 3
