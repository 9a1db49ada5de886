"""The loop of a worker stage: receive a batch from the queue, work on it, send the answers."""

import math
import os
import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import TypeVar

from shared.messaging.frame_store import FrameStore
from shared.messaging.messages import Frame, GrayFrame, Message, Ready
from shared.messaging.sockets import HEARTBEAT_S, ClientSocket, WorkerLink
from shared.service.collector import freeze_start
from shared.service.lifecycle import ServiceContext
from shared.service.signals import START_VARIABLE
from shared.telemetry import metrics
from shared.telemetry.camera_series import CameraSeries
from shared.telemetry.health import Health, find_queue_problem
from shared.telemetry.spans import TRACE, Span

Work = TypeVar("Work", Frame, GrayFrame)

LAST_BATCH_S = 0.05  # for a batch that the queue sent before it knew that this worker leaves


def serve_stage(
    context: ServiceContext,
    kind: type[Work],
    credit: int,
    work: Callable[[Sequence[Work], FrameStore], Sequence[Message]],
    weights: Callable[[], str] = lambda: "",
) -> None:
    """Connect to the queue, and work until told to stop.

    work() finds the bytes of frames in the store; weights() names the networks that it uses.
    """
    queue = ClientSocket(context.settings)
    ready = Ready(role=context.stage, name=worker_address(context.name), credit=credit, with_jpeg=False)
    context.log.info("ready")
    freeze_start()
    run_loop(queue, ready, kind, lambda batch: work(batch, queue.store), context.stop, context.health, weights=weights)
    queue.close()


def run_loop(  # noqa: PLR0917 - the parts of a stage, each replaced in tests
    queue: WorkerLink,
    ready: Ready,
    kind: type[Work],
    work: Callable[[Sequence[Work]], Sequence[Message]],
    stop: threading.Event,
    health: Health,
    clock: Callable[[], float] = monotonic,
    *,
    weights: Callable[[], str] = lambda: "",
) -> None:
    """Receive batches and send the answers until told to stop; then finish what was received.

    An answer gives its credit back, so nothing is asked for. The next batch arrives while this one is worked on: the
    round trip to the queue takes a third of a batch's time.
    """
    answers: Sequence[Message] = ()
    series, ready_at = CameraSeries(), -math.inf
    while not stop.is_set():
        health.heartbeat(find_queue_problem(queue.denial, is_connected=queue.connected))
        now = clock()
        if is_due := now - ready_at >= HEARTBEAT_S or (ready.store, ready.weights) != (queue.store.name, weights()):
            ready = replace(ready, store=queue.store.name, weights=weights())
            answers = (*answers, ready)
        if answers and queue.send(*answers) and is_due:
            ready_at = now
        batch = [message for message in queue.receive(HEARTBEAT_S) if isinstance(message, kind)]
        series.note([item.camera for item in batch], now)
        answers = process_batch(work, batch, ready.role, queue.now) if batch else ()
    queue.send(*answers, replace(ready, credit=0))
    while batch := [message for message in queue.receive(LAST_BATCH_S) if isinstance(message, kind)]:
        queue.send(*process_batch(work, batch, ready.role, queue.now))


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
    """Return a worker's name for the queue: the same after a crash, and another for each supervisor that is started.

    Two containers may have the name and the address of one host. Their workers then have different names here.
    """
    start = os.environ.get(START_VARIABLE) or os.urandom(4).hex()
    return f"{name}@{platform.node()}"[:55] + f".{start}"  # 64 characters at most
