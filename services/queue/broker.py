"""Frame, Page, Reading -> queue -> whoever asked: the only process that binds, and the one that counts every drop."""

import logging
import math
from collections.abc import Iterable

from services.queue.cameras import CameraRegistry
from services.queue.scheduler import Batch, Ended, Scheduler
from services.queue.viewers import ViewerRegistry
from shared.messaging.messages import (
    CameraReport,
    Credit,
    Frame,
    GrayFrame,
    MalformedError,
    Message,
    Reading,
    Ready,
    Refusal,
    Unchanged,
)
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import WORKER_STAGES, CameraState, Outcome, Stage
from shared.telemetry import metrics
from shared.telemetry.spans import TRACE, Span

TWICE = "%s comes over a new connection: it was restarted, or two go by this name (then give one %s another)"
AT_ONCE = 16  # messages that are acted on before anything is sent: a round of sending looks at every worker and camera
TICK_S = 0.1  # how late a silent worker, a stale frame or a stop may be noticed


class Broker:
    """The hub's messages put through the rules of the work queue, the audience and the roster."""

    def __init__(self, hub: BrokerSocket, max_age_s: float, reread_s: float = 0.0) -> None:
        self.hub = hub
        self.work = Scheduler(max_age_s, reread_s)
        self.audience = ViewerRegistry()
        self.roster = CameraRegistry()
        self.peers: dict[str, bytes] = {}  # workers and viewers, by name
        self.names: dict[bytes, str] = {}
        self.looked_at = 0.0  # when silence was last looked for
        self.warned_at = -1.0

    def turn(self, timeout_s: float) -> None:
        """Wait for a multipart message, act on it and on what else has come, and send what can be sent now."""
        for _ in range(AT_ONCE):
            if not self.take_next(timeout_s):
                break
            timeout_s = 0
        now = self.hub.now()
        if now - self.looked_at >= TICK_S:
            self.looked_at = now
            self.look_for_silence(now)
        self.dispatch(now)

    def take_next(self, timeout_s: float) -> bool:
        """Act on the next multipart message; False where none came in time."""
        try:
            received = self.hub.receive(timeout_s)
            if received is None:
                return False
            peer, messages = received
            for message in messages:
                self.handle(peer, message)
        except MalformedError as error:
            self.note_malformed(error)
        return True

    def handle(self, peer: bytes, message: Message) -> None:
        """Act on one message. Raises MalformedError for one that this peer has no business to send."""
        now = self.hub.now()
        match message:
            case Frame():
                self.take_frame(peer, message, now)
            case GrayFrame():
                self.finish(self.work.put_page(self.names.get(peer, ""), message, now))
            case Unchanged():
                self.finish(self.work.put_unchanged(self.names.get(peer, ""), (message.camera, message.seq)))
            case Reading():
                self.finish(self.work.put_reading(self.names.get(peer, ""), message))
            case Refusal():
                self.finish(self.work.refuse(self.names.get(peer, ""), (message.camera, message.seq), message.reason))
            case Ready():
                self.take_ready(peer, message, now)
            case CameraReport():
                self.take_state(peer, message, now)
            case _:
                raise MalformedError(f"a {type(message).__name__} is not for the queue")

    def take_frame(self, peer: bytes, frame: Frame, now: float) -> None:
        """Let a frame wait for preprocess."""
        known = self.roster.cameras.get(frame.camera)
        if known is None:  # this process was restarted, and the camera did not notice
            self.take_state(peer, CameraReport(frame.camera, CameraState.LIVE, "", now), now)
        elif known.peer != peer:
            self.take_state(peer, known.state, now)
        self.roster.cameras[frame.camera].every_frame = frame.every_frame
        ended = self.work.put_frame(frame, now)
        metrics.FRAMES.labels(frame.camera, Stage.QUEUE).inc()
        oldest_s = math.inf if frame.every_frame else frame.max_age_s or self.work.max_age_s
        metrics.CAMERA_MAX_AGE.labels(frame.camera).set(oldest_s)
        self.finish(ended)
        if frame.every_frame:
            self.grant(frame.camera)

    def take_ready(self, peer: bytes, ready: Ready, now: float) -> None:
        """A worker or a viewer asks for work; under a known name from a new socket it has been restarted."""
        if self.peers.get(ready.worker, peer) != peer:
            self.warn(TWICE, ready.worker, "machine")
            self.lose(ready.worker)
        if ready.worker not in self.peers:
            self.peers[ready.worker], self.names[peer] = peer, ready.worker
            self.tell_states(peer, ready)
        if ready.role in WORKER_STAGES:
            self.work.ready(ready.worker, ready.role, ready.credit, now)
        else:
            self.audience.ready(ready.worker, ready.credit, ready.pictures, now)

    def tell_states(self, peer: bytes, ready: Ready) -> None:
        """A new viewer hears how all cameras are."""
        if ready.role not in WORKER_STAGES:
            for camera in self.roster.cameras.values():
                self.hub.send(peer, camera.state)

    def take_state(self, peer: bytes, state: CameraReport, now: float) -> None:
        """A camera says how it is; viewers hear of changes, and it hears how many frames it may send."""
        if state.state is CameraState.LEFT:
            self.let_go(state)
            return
        known = self.roster.cameras.get(state.camera)
        if known is None:
            metrics.init_drop_counters(state.camera, *WORKER_STAGES)
            metrics.UNCHANGED.labels(state.camera)
        elif known.peer != peer:
            self.warn(TWICE, state.camera, "camera")
            self.work.forget(state.camera)
        if self.roster.hear(peer, state, now):
            self.announce(state)
        if self.roster.cameras[state.camera].every_frame:
            self.grant(state.camera)
        else:
            self.work.ask(state.camera)

    def let_go(self, state: CameraReport) -> None:
        """A camera has been taken off the list: what viewers hear of it now is the last."""
        self.roster.leave(state.camera)
        self.work.forget(state.camera)
        self.audience.forget(state.camera)
        self.announce(state)

    def announce(self, state: CameraReport) -> None:
        """Tell everybody who looks how a camera is."""
        export_state(state)
        for viewer in list(self.audience.viewers):
            self.hub.send(self.peers[viewer], state)

    def grant(self, name: str) -> None:
        """Tell an every_frame camera how many frames it may send."""
        self.give(name, max(0, self.work.credit(name) - self.audience.backlog(name)))

    def give(self, name: str, frames: int) -> None:
        """Tell a camera how many frames it may send; one that has left hears nothing."""
        if camera := self.roster.cameras.get(name):
            self.hub.send(camera.peer, Credit(name, frames))

    def finish(self, ended: Iterable[Ended]) -> None:
        """Count how frames ended, show it to the audience, and let every_frame cameras go on."""
        for end in ended:
            frame = end.job.frame
            count_end(end)
            if TRACE.is_on:
                TRACE.add(Span("frame", *end.job.key, frame.captured_at, self.hub.now(), f"{end.stage}: {end.outcome}"))
            if frame.camera in self.roster.cameras:
                self.audience.offer(end)
            if frame.every_frame:
                self.grant(frame.camera)

    def dispatch(self, now: float) -> None:
        """Send work to the workers and views to the viewers that asked."""
        batches, ended = self.work.batches(now)
        self.finish(ended)
        for batch in batches:
            count_batch(batch, now)
            if not self.hub.send(self.peers[batch.worker], *(job.work for job in batch.jobs)):
                self.lose(batch.worker)
        for name in self.work.askers():
            self.give(name, 1)
        for name, views in self.audience.views():
            if not self.hub.send(self.peers[name], *views):
                self.lose(name)
            for camera in {view.camera for view in views}:
                if camera in self.roster.cameras and self.roster.cameras[camera].every_frame:
                    self.grant(camera)  # it was held back while these waited

    def lose(self, name: str) -> None:
        """A worker or viewer is gone."""
        self.names.pop(self.peers.pop(name, b""), None)
        self.audience.lose(name)
        self.finish(self.work.lose(name))

    def look_for_silence(self, now: float) -> None:
        """Give up who has not been heard, and bring the gauges up to date."""
        self.finish(self.work.lose_silent(now))
        self.audience.lose_silent(now)
        for name in [name for name in self.peers if name not in self.work.workers | self.audience.viewers]:
            self.lose(name)
        for state in self.roster.lose_silent(now):
            self.announce(state)
        set_gauges(self.work)

    def note_malformed(self, error: MalformedError) -> None:
        """Count a bad message."""
        metrics.MALFORMED.inc()
        self.warn("dropped a message: %s", error)

    def warn(self, sentence: str, *about: object) -> None:
        """Log what may happen with every message, once a second."""
        if self.hub.now() - self.warned_at > 1:
            self.warned_at = self.hub.now()
            logging.warning(sentence, *about)


def count_end(end: Ended) -> None:
    """Export how a frame ended."""
    camera = end.job.frame.camera
    if end.reading is None:
        metrics.DROPS.labels(camera, end.stage, end.outcome).inc()
        return
    metrics.READINGS.labels(camera).inc()
    if end.outcome is Outcome.UNCHANGED:
        metrics.UNCHANGED.labels(camera).inc()
    else:
        metrics.DIGITS.labels(camera).inc(len(end.reading.digits))


def export_state(state: CameraReport) -> None:
    """Export whether a camera is up, and frozen; of one that has come to its end there is nothing to say."""
    for gauge, name in ((metrics.CAMERA_UP, CameraState.LIVE), (metrics.CAMERA_FROZEN, CameraState.FROZEN)):
        gauge.labels(state.camera).set(state.state is name)
        if state.state in {CameraState.ENDED, CameraState.LEFT}:
            gauge.remove(state.camera)


def count_batch(batch: Batch, now: float) -> None:
    """Export a batch's size, why it was closed and how long its items waited."""
    metrics.BATCHES.labels(batch.stage, batch.reason).inc()
    metrics.BATCH_SIZE.labels(batch.stage).observe(len(batch.jobs))
    for job in batch.jobs:
        if TRACE.is_on:
            TRACE.add(Span(f"wait for {batch.stage}", *job.key, job.since, now, batch.worker))
        metrics.WAIT.labels(batch.stage).observe(now - job.since)


def set_gauges(work: Scheduler) -> None:
    """Export who is there and what waits."""
    for stage in WORKER_STAGES:
        workers = [worker for worker in work.workers.values() if worker.stage == stage]
        metrics.WORKERS.labels(stage).set(len(workers))
        metrics.CREDIT.labels(stage).set(sum(worker.credit for worker in workers))
        metrics.WAITING.labels(stage).set(len(work.waiting[stage]))
