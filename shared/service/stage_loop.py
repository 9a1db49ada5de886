"""The loop of a stage: ask the queue for work, do it, answer, ask again."""

import platform
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from uuid import getnode

from shared.messaging.messages import Frame, GrayFrame, Message, Ready
from shared.messaging.sockets import ClientSocket
from shared.service.lifecycle import ServiceContext
from shared.telemetry import metrics
from shared.telemetry.health import NO_QUEUE, Health
from shared.telemetry.spans import TRACE, Span

HEARTBEAT_S = 0.5  # a worker that waits says so this often; see LOST_AFTER_S in workqueue.py

Work = TypeVar("Work", Frame, GrayFrame)


class QueueLink(Protocol):
    """What a loop needs of the queue: a Peer, or in a test a list of batches."""

    def send(self, *messages: Message) -> bool:
        """Send at once; False where that is not possible."""

    def receive(self, timeout_s: float) -> list[Message]:
        """One batch of messages; empty after the timeout."""

    def now(self) -> float:
        """The queue's clock, in seconds."""

    @property
    def connected(self) -> bool:
        """Whether the queue was heard lately."""


def serve(
    life: ServiceContext, kind: type[Work], credit: int, do: Callable[[Sequence[Work]], Sequence[Message]]
) -> None:
    """Connect, and work until told to stop."""
    peer = ClientSocket(life.settings)
    ready = Ready(life.stage, address(life.name), credit, pictures=False)
    life.log.info("ready")
    run(peer, ready, kind, do, life.stop, life.health)
    peer.close()


def run(  # noqa: PLR0917 - all that a stage is made of
    queue: QueueLink,
    ready: Ready,
    kind: type[Work],
    do: Callable[[Sequence[Work]], Sequence[Message]],
    stop: threading.Event,
    health: Health,
) -> None:
    """Ask for work, ask for more, do it, and send the answers with the next request.

    What was asked for before the work began is there when it is done, if that much was waiting: the way to the queue
    and back is a third of the time that a batch takes.
    """
    answers: Sequence[Message] = ()
    while not stop.is_set():
        health.beat("" if queue.connected else NO_QUEUE)
        queue.send(*answers, ready)
        batch = [message for message in queue.receive(HEARTBEAT_S) if isinstance(message, kind)]
        if batch:
            queue.send(ready)
        answers = timed(do, batch, ready.role, queue.now) if batch else ()


def timed(
    do: Callable[[Sequence[Work]], Sequence[Message]], batch: Sequence[Work], stage: str, clock: Callable[[], float]
) -> Sequence[Message]:
    """Do the work, and export how old each item was when it began and how long the batch took."""
    began_at = clock()
    for item in batch:
        metrics.FRAMES.labels(item.camera, stage).inc()
        metrics.AGE.labels(item.camera, stage).observe(began_at - item.captured_at)
    with metrics.WORK.labels(stage).time():
        answers = do(batch)
    if TRACE.is_on:
        ended_at, note = clock(), f"batch of {len(batch)}"
        for item in batch:
            TRACE.add(Span(stage, item.camera, item.seq, began_at, ended_at, note))
    return answers


def address(name: str) -> str:
    """A worker's name for the queue; the same after a restart, another on another host, also one of the same name."""
    return f"{name}@{platform.node()}"[:51] + f".{getnode():012x}"  # 64 characters at most
