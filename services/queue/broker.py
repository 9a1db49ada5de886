"""Frame, GrayFrame, Reading -> queue -> workers, viewers: receives messages, acts on them, dispatches what is due."""

import logging
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from services.queue.file_frames import FileFrames
from services.queue.registry import PeerRegistry
from services.queue.scheduler import Batch, EndedFrame, Scheduler
from services.queue.view_fanout import ViewFanout
from services.queue.weights_rule import WeightsRule
from shared.messaging.codec import MalformedError, OtherProtocolError
from shared.messaging.frame_store import GoneError, QueueStore, Ticket
from shared.messaging.messages import (
    CameraReport,
    Credit,
    Denial,
    FilePosition,
    Followed,
    Frame,
    GrayFrame,
    Message,
    Reading,
    Ready,
    Recorded,
    Refusal,
    Selection,
    Unchanged,
)
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import WORKER_STAGES, CameraState, DropReason, Outcome, Stage
from shared.telemetry import metrics
from shared.telemetry.camera_series import CameraSeries
from shared.telemetry.spans import TRACE, Span

RECONNECTED = "%s reconnected from a new socket. If this repeats, two %s share the name: rename one."
OTHER_WEIGHTS = (
    "this worker gets no frames: its networks are {}, and those of the workers that read are {}. Give all the same, "
    "with MODELS and LEARNED_DIR, or set MIX_WEIGHTS=true where the queue runs"
)
MAX_RECEIVES = 16  # before anything is dispatched: each dispatch goes through all workers and cameras
MAX_AHEAD_S, MAX_BEHIND_S = 1.0, 24 * 3600.0  # a frame's time of capture, from the queue's clock
REPEAT_REPORTS_S = 2.0  # so that a viewer that missed one, or was away, knows all cameras again
TICK_S = 0.1  # how late a silent peer, a stale frame or a stop may be noticed


class Broker:
    """Connects the socket with the scheduler, the views and the registry of peers."""

    def __init__(
        self,
        socket: BrokerSocket,
        max_age_s: float,
        reread_s: float = 0.0,
        store: QueueStore | None = None,
        *,
        follow: bool = False,
        mix_weights: bool = False,
    ) -> None:
        self.socket = socket
        self.store = store or QueueStore()
        self.scheduler = Scheduler(max_age_s, reread_s, follow=follow)
        self.views = ViewFanout()
        self.files = FileFrames()
        self.registry = PeerRegistry()
        self.weights = WeightsRule(may_mix=mix_weights)
        self.denied: set[str] = set()  # workers with other networks
        self.series = CameraSeries()
        self.checked_at = 0.0  # when silent peers were last looked for
        self.repeated_at = socket.now()  # when all viewers were sent all reports
        self.warned_at = -1.0

    def run_once(self, timeout_s: float) -> None:
        """Wait for a message, act on it and on others that have arrived, then dispatch what is due.

        One send may hold so much that it takes a second; the others then wait for the next turn.
        """
        until = self.socket.now() + timeout_s + TICK_S
        for _ in range(MAX_RECEIVES):
            if not self.receive_messages(timeout_s) or self.socket.now() > until:
                break
            timeout_s = 0
        now = self.socket.now()
        if now - self.checked_at >= TICK_S:
            self.checked_at = now
            self.check_silence(now)
            self.series.note(self.registry.cameras, now)
            export_gauges(self.scheduler)
        if now - self.repeated_at >= REPEAT_REPORTS_S:
            self.repeated_at = now
            self.repeat_reports()
        self.dispatch(now)

    def receive_messages(self, timeout_s: float) -> bool:
        """Act on the messages of one send. Return False if none arrived in time."""
        try:
            received = self.socket.receive(timeout_s)
            if received is None:
                return False
            identity, messages = received
            for message in messages:
                self.handle_message(identity, message)
        except OtherProtocolError as error:
            metrics.DENIED.labels("protocol").inc()
            self.warn("refused a process: %s", error)
        except MalformedError as error:
            metrics.MALFORMED.inc()
            self.warn("dropped a message: %s", error)
        return True

    def handle_message(self, identity: bytes, message: Message) -> None:
        """Act on one message. Raises MalformedError if it is not for the queue."""
        now = self.socket.now()
        match message:
            case Frame():
                self.handle_frame(identity, message, now)
            case GrayFrame() | Unchanged() | Followed() | Reading() | Refusal():
                worker = self.registry.find_name(identity)
                self.record_ended(self.scheduler.add_answer(worker, message, now))
            case Ready():
                self.handle_ready(identity, message, now)
            case Selection():
                self.views.set_selection(self.registry.find_name(identity), message)
            case CameraReport():
                self.handle_report(identity, message, now)
            case Recorded():
                self.handle_recorded(identity, message)
            case _:
                raise MalformedError(f"a {type(message).__name__} is not for the queue")

    def handle_frame(self, identity: bytes, frame: Frame, now: float) -> None:
        """Queue a frame for preprocess. Raises MalformedError if its time of capture cannot be true."""
        if not -MAX_AHEAD_S <= now - frame.captured_at <= MAX_BEHIND_S:
            raise MalformedError(f"{frame.camera} sends a frame of {now - frame.captured_at:.6g} s ago")
        known = self.registry.cameras.get(frame.camera)
        if known is None:  # this queue restarted while the camera went on
            self.handle_report(
                identity, CameraReport(camera=frame.camera, state=CameraState.LIVE, detail="", began_at=now), now
            )
        elif known.identity != identity:
            self.handle_report(identity, known.report, now)
        self.registry.cameras[frame.camera].every_frame = frame.every_frame
        ended = self.add_frame(frame, now)
        max_age_s = math.inf if frame.every_frame else frame.max_age_s or self.scheduler.max_age_s
        metrics.CAMERA_MAX_AGE.labels(frame.camera).set(max_age_s)
        self.record_ended(ended)
        if frame.every_frame:
            self.send_every_frame_credit(frame.camera)

    def add_frame(self, frame: Frame, now: float) -> list[EndedFrame]:
        """Queue a frame and keep its slot. Raises MalformedError if its ticket or number is wrong."""
        if not frame.ticket:
            return self.schedule_frame(frame, now)
        try:
            self.store.hold(frame.camera, frame.ticket)
        except GoneError as error:
            raise MalformedError(str(error)) from error
        try:
            return self.schedule_frame(frame, now)
        except MalformedError:
            self.store.free(frame.ticket)
            raise

    def schedule_frame(self, frame: Frame, now: float) -> list[EndedFrame]:
        """Queue a frame, unless it is a file's and came before. Raises MalformedError."""
        if frame.position and (self.files.is_recorded(frame) or self.files.is_held(frame)):
            self.drop_resent_frame(frame, frame.position)
            return []
        ended = self.scheduler.add_frame(frame, now)
        self.files.hold(frame)
        metrics.FRAMES.labels(frame.camera, Stage.QUEUE).inc()
        return ended

    def drop_resent_frame(self, frame: Frame, position: FilePosition) -> None:
        """Count a frame that came before; its camera is told if it missed that the frame is recorded."""
        self.scheduler.record_seq(frame)
        metrics.RESENT.labels(frame.camera, Stage.QUEUE).inc()
        if frame.ticket:
            self.store.free(frame.ticket)
        if self.files.is_recorded(frame):
            message = Recorded(frame.camera, position.stamp, (position.index,))
            self.socket.send(self.registry.cameras[frame.camera].identity, message)

    def handle_recorded(self, identity: bytes, message: Recorded) -> None:
        """Forget frames of a file that a display has recorded, and tell the file's camera.

        Ignored from a peer that is no display, or not yet: this queue may be new. The frames then come again.
        """
        if identity not in {viewer.identity for viewer in self.registry.viewers()}:
            return
        self.files.record(message)
        if peer := self.registry.cameras.get(message.camera):
            self.socket.send(peer.identity, message)
            self.send_every_frame_credit(message.camera)

    def handle_ready(self, identity: bytes, ready: Ready, now: float) -> None:
        """Note how much a worker or viewer takes. A known name at a new identity has restarted."""
        known = self.registry.clients.get(ready.name)
        if known and known.identity != identity:
            self.warn(RECONNECTED, ready.name, "machines")
            self.remove_client(ready.name)
        is_new = self.registry.record_client(identity, ready.role, ready.name, now)
        self.registry.clients[ready.name].shares_memory = bool(ready.store) and ready.store == self.store.name
        if ready.role in WORKER_STAGES:
            self.set_batch_limit(identity, ready)
            return
        self.views.set_credit(ready.name, ready.credit, with_jpeg=ready.with_jpeg)
        for ended in self.files.list_ended() if is_new else ():
            self.views.add_ended_frame(ended, ready.name)
        for camera in self.registry.cameras.values() if is_new else ():
            self.socket.send(identity, camera.report)

    def set_batch_limit(self, identity: bytes, ready: Ready) -> None:
        """Let a worker have batches, unless its networks are not those in use."""
        before = self.weights.weights
        if ready.role is Stage.INFERENCE and not self.weights.admit(ready.name, ready.weights):
            self.deny_worker(ready.name)
            self.socket.send(identity, Denial(OTHER_WEIGHTS.format(ready.weights, self.weights.weights)))
            return
        self.denied.discard(ready.name)
        self.scheduler.set_batch_limit(ready.name, ready.role, ready.credit)
        if self.weights.weights != before:  # a worker that reads has loaded others: the rest may not mix with it
            inference = [name for name, worker in self.scheduler.workers.items() if worker.stage is Stage.INFERENCE]
            for name in set(inference) - {ready.name}:
                self.deny_worker(name)

    def deny_worker(self, name: str) -> None:
        """Give a worker no more batches; what it holds it may answer."""
        if name not in self.denied:
            self.denied.add(name)
            metrics.DENIED.labels("weights").inc()
            self.warn("%s gets no frames: it has other networks than the workers that read", name)
        worker = self.scheduler.workers.get(name)
        if worker and worker.jobs:
            worker.batch_limit = 0
        elif worker:
            self.scheduler.remove_worker(name)

    def handle_report(self, identity: bytes, report: CameraReport, now: float) -> None:
        """Note a camera's state, show a change to the viewers, and let the camera send frames."""
        if report.state is CameraState.LEFT:
            self.remove_camera(report)
            return
        known = self.registry.cameras.get(report.camera)
        is_news = self.registry.record_report(identity, report, now)
        if known is None:
            self.series.note([report.camera], now)
            metrics.init_drop_counters(report.camera, *WORKER_STAGES)
            metrics.UNCHANGED.labels(report.camera)
            metrics.FOLLOWED.labels(report.camera)
        elif known.identity != identity:
            self.warn(RECONNECTED, report.camera, "cameras")
            self.scheduler.forget_camera(report.camera)
        self.store.adopt_ring(report.camera, report.ring)
        if is_news:
            self.publish_report(report)
        if self.registry.cameras[report.camera].every_frame:
            self.send_every_frame_credit(report.camera)
        else:
            self.scheduler.request_frame(report.camera)

    def remove_camera(self, report: CameraReport) -> None:
        """Forget a camera that left the list; its report is the last thing that viewers receive of it."""
        self.registry.remove_camera(report.camera)
        self.scheduler.forget_camera(report.camera)
        self.store.retire_ring(report.camera)
        self.views.forget_camera(report.camera)
        self.files.forget_camera(report.camera)
        self.publish_report(report)

    def remove_client(self, name: str) -> None:
        """Forget a worker or viewer that is gone."""
        self.registry.remove_client(name)
        self.weights.remove(name)
        self.denied.discard(name)
        self.views.remove_viewer(name)
        self.record_ended(self.scheduler.remove_worker(name))

    def check_silence(self, now: float) -> None:
        """Remove silent workers and viewers, and report silent cameras as down."""
        for peer in self.registry.find_silent(now):
            if peer.role is not Stage.CAPTURE:
                self.remove_client(peer.name)
            elif down := self.registry.mark_down(peer.name, now):
                self.publish_report(down)

    def dispatch(self, now: float) -> None:
        """Send batches to workers, requests for frames to cameras, and views to viewers."""
        batches, ended = self.scheduler.make_batches(now)
        self.record_ended(ended)
        for batch in batches:
            count_batch(batch, now)
            self.send_batch(batch, now)
        for camera in self.scheduler.take_frame_requests():
            self.send_credit(camera, 1)
        for viewer, views in self.views.take_views():
            self.send_to_client(viewer, *views)
            for name in {view.camera for view in views}:
                peer = self.registry.cameras.get(name)
                if peer and peer.every_frame:  # its credit was held back while these views waited
                    self.send_every_frame_credit(name)

    def send_batch(self, batch: Batch, now: float) -> None:
        """Send a batch to its worker; with the bytes of the frames if the worker does not share this queue's memory."""
        messages: list[Message] = [job.message for job in batch.jobs]
        if not self.registry.clients[batch.worker].shares_memory:
            messages = []
            for job in batch.jobs:
                try:
                    messages.append(self.put_bytes_in(job.message))
                except GoneError:
                    gone = Refusal(*job.key, DropReason.REPLACED)
                    self.record_ended(self.scheduler.add_answer(batch.worker, gone, now))
        if messages:
            self.send_to_client(batch.worker, *messages)

    def put_bytes_in(self, message: Frame | GrayFrame) -> Frame | GrayFrame:
        """Return a message with its bytes instead of a ticket. Raises GoneError."""
        match message:
            case Frame(ticket=Ticket() as ticket):
                return replace(message, jpeg=self.store.read_jpeg(ticket), ticket=None)
            case GrayFrame(ticket=Ticket() as ticket):
                pixels = self.store.read_gray(ticket, message.rows, message.columns)
                return replace(message, pixels=pixels, ticket=None)
            case _:
                return message

    def send_to_client(self, name: str, *messages: Message) -> None:
        """Send to a worker or viewer, and remove it if it cannot be reached."""
        if not self.socket.send(self.registry.clients[name].identity, *messages):
            self.remove_client(name)

    def send_every_frame_credit(self, camera: str) -> None:
        """Set how many frames an every_frame camera may send: none while its views wait, or wait to be recorded."""
        frames = self.scheduler.every_frame_credit(camera) - self.views.count_backlog(camera)
        self.send_credit(camera, max(0, min(frames, self.files.count_room(camera))))

    def send_credit(self, camera: str, frames: int) -> None:
        """Set how many frames a camera may send, unless it has left.

        A camera with a ring reads it there when it has a frame, so only one that waits is sent a message.
        """
        peer = self.registry.cameras.get(camera)
        if peer is None:
            return
        last_seq = self.scheduler.last_seq.get(camera)
        next_seq = self.store.next_seq(camera) if last_seq is None else last_seq + 1
        if self.store.let_send(camera, next_seq + frames) is not False:
            self.socket.send(peer.identity, Credit(camera, frames))

    def publish_report(self, report: CameraReport) -> None:
        """Export a camera's state, and send it to all viewers."""
        export_camera_state(report)
        for viewer in self.registry.viewers():
            self.socket.send(viewer.identity, report)

    def repeat_reports(self) -> None:
        """Send the state of every camera to all viewers."""
        if reports := [camera.report for camera in self.registry.cameras.values()]:
            for viewer in self.registry.viewers():
                self.socket.send(viewer.identity, *reports)

    def record_ended(self, ended: Iterable[EndedFrame]) -> None:
        """Count frames that ended, queue them for the viewers, and let every_frame cameras send more."""
        for end in ended:
            frame = end.job.frame
            count_ended(end)
            if TRACE.is_on:
                note = f"{end.stage}: {end.outcome}"
                TRACE.add(Span("frame", *end.job.key, frame.captured_at, self.socket.now(), note))
            self.release_slot(end)
            if frame.position and end.outcome is Outcome.REPLACED:  # its bytes were lost: capture sends them again
                self.files.release(frame)
            elif frame.camera in self.registry.cameras:
                self.files.end(end)
                self.views.add_ended_frame(end)
            if frame.every_frame:
                self.send_every_frame_credit(frame.camera)

    def release_slot(self, end: EndedFrame) -> None:
        """Free the slot of a frame that ended; its JPEG is kept for the viewers that show it."""
        job, ticket = end.job, end.job.frame.ticket
        is_shown = self.views.want_jpeg(job.frame.camera)
        if not ticket:
            job.frame = job.frame if is_shown else replace(job.frame, jpeg=b"")
            return
        if is_shown:
            with suppress(GoneError):  # the view then comes without its picture
                job.frame = replace(job.frame, jpeg=self.store.read_jpeg(ticket), ticket=None)
        self.store.free(ticket, is_lost=job.is_written_to)

    def warn(self, sentence: str, *values: object) -> None:
        """Log a warning at most once a second, since any message may cause one."""
        if self.socket.now() - self.warned_at > 1:
            self.warned_at = self.socket.now()
            logging.warning(sentence, *values)


def count_ended(ended: EndedFrame) -> None:
    """Count a frame as a reading, as followed or as a drop."""
    camera = ended.job.frame.camera
    if ended.reading is None:
        metrics.DROPS.labels(camera, ended.stage, ended.outcome).inc()
        return
    if ended.outcome is Outcome.FOLLOWED:
        metrics.FOLLOWED.labels(camera).inc()
        return
    metrics.READINGS.labels(camera).inc()
    if ended.outcome is Outcome.UNCHANGED:
        metrics.UNCHANGED.labels(camera).inc()
    else:
        metrics.DIGITS.labels(camera).inc(len(ended.reading.digits))


def count_batch(batch: Batch, now: float) -> None:
    """Export a batch's size, why it is not larger, and how long its frames waited."""
    metrics.BATCHES.labels(batch.stage, batch.reason).inc()
    metrics.BATCH_SIZE.labels(batch.stage).observe(len(batch.jobs))
    for job in batch.jobs:
        if TRACE.is_on:
            TRACE.add(Span(f"wait for {batch.stage}", *job.key, job.queued_at, now, batch.worker))
        metrics.WAIT.labels(batch.stage).observe(now - job.queued_at)


def export_camera_state(report: CameraReport) -> None:
    """Export whether a camera is up and whether it is frozen; nothing for one that has ended or left."""
    for gauge, state in ((metrics.CAMERA_UP, CameraState.LIVE), (metrics.CAMERA_FROZEN, CameraState.FROZEN)):
        gauge.labels(report.camera).set(report.state is state)
        if report.state in {CameraState.ENDED, CameraState.LEFT}:
            gauge.remove(report.camera)


def export_gauges(scheduler: Scheduler) -> None:
    """Export the workers, their credit and the frames that wait, by stage."""
    for stage in WORKER_STAGES:
        workers = [worker for worker in scheduler.workers.values() if worker.stage is stage]
        metrics.WORKERS.labels(stage).set(len(workers))
        metrics.CREDIT.labels(stage).set(sum(worker.credit for worker in workers))
        metrics.WAITING.labels(stage).set(len(scheduler.waiting[stage]))
