"""The loop of a worker stage: ask the queue for frames, work on them, send the answers, ask again."""

import platform
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import getnode

from shared.messaging.messages import Frame, GrayFrame, Message, Ready
from shared.messaging.sockets import HEARTBEAT_S, ClientSocket, QueueLink
from shared.service.lifecycle import ServiceContext
from shared.telemetry import metrics
from shared.telemetry.camera_series import CameraSeries
from shared.telemetry.health import QUEUE_SILENT, Health
from shared.telemetry.spans import TRACE, Span

Work = TypeVar("Work", Frame, GrayFrame)


def serve_stage(
    context: ServiceContext, kind: type[Work], credit: int, work: Callable[[Sequence[Work]], Sequence[Message]]
) -> None:
    """Connect to the queue, and work until told to stop."""
    queue = ClientSocket(context.settings)
    ready = Ready(role=context.stage, name=worker_address(context.name), credit=credit, with_jpeg=False)
    context.log.info("ready")
    run_loop(queue, ready, kind, work, context.stop, context.health)
    queue.close()


def run_loop(  # noqa: PLR0917 - the parts of a stage, each replaced in tests
    queue: QueueLink,
    ready: Ready,
    kind: type[Work],
    work: Callable[[Sequence[Work]], Sequence[Message]],
    stop: threading.Event,
    health: Health,
) -> None:
    """Receive a batch, ask for the next one, work, and send the answers together with the next request.

    The next batch arrives while this one is worked on: the round trip to the queue takes a third of a batch's time.
    """
    answers: Sequence[Message] = ()
    series = CameraSeries()
    while not stop.is_set():
        health.heartbeat(None if queue.connected else QUEUE_SILENT)
        queue.send(*answers, ready)
        batch = [message for message in queue.receive(HEARTBEAT_S) if isinstance(message, kind)]
        series.note([item.camera for item in batch], time.monotonic())
        if batch:
            queue.send(ready)
        answers = process_batch(work, batch, ready.role, queue.now) if batch else ()


def process_batch(
    work: Callable[[Sequence[Work]], Sequence[Message]],
    batch: Sequence[Work],
    stage: str,
    clock: Callable[[], float],
) -> Sequence[Message]:
    """Work on a batch, and export the age of each frame at the start and the time that the batch took."""
    started_at = clock()
    for item in batch:
        metrics.FRAMES.labels(item.camera, stage).inc()
        metrics.AGE.labels(item.camera, stage).observe(started_at - item.captured_at)
    with metrics.WORK.labels(stage).time():
        answers = work(batch)
    if TRACE.is_on:
        ended_at, note = clock(), f"batch of {len(batch)}"
        for item in batch:
            TRACE.add(Span(stage, item.camera, item.seq, started_at, ended_at, note))
    return answers


def worker_address(name: str) -> str:
    """Return a worker's name for the queue: the same after a restart, and another on each host."""
    return f"{name}@{platform.node()}"[:51] + f".{getnode():012x}"  # 64 characters at most
