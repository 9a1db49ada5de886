"""Decides which worker gets which frame, and how each frame ends.

Pure: no sockets and no clock; `now` is passed in, in seconds. What always holds:
- At each stage at most one frame of a live camera waits, the newest.
- A frame of an every_frame camera is never dropped while a worker lives.
- Cameras are served in turn, by their weights.
- Frames in = readings + drops + frames in flight.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from services.queue.fair_queue import FairQueue
from services.queue.follow_gate import FollowGate, FollowReference
from services.queue.still_gate import StillGate, StillReference
from shared.messaging.codec import MalformedError
from shared.messaging.messages import Followed, Frame, GrayFrame, Reading, Refusal, Unchanged
from shared.pipeline import WORKER_STAGES, BatchReason, Gate, Outcome, Stage
from shared.vision.digit import Move

EVERY_FRAME_WINDOW = 8  # frames of one camera in flight: two for each of four workers
MAX_IN_FLIGHT = 64  # of one file: capture may restart, and begin with other frames
MAX_HELD_BYTES = 256 * 1024 * 1024  # of pictures that came inside messages: 512 of half a megabyte
MAX_ATTEMPTS = 3  # a frame that has cost this many workers would cost the next one too

Key = tuple[str, int]  # camera, seq
Answer = GrayFrame | Unchanged | Followed | Reading | Refusal


@dataclass(slots=True)
class Job:
    """A frame on its way through the stages."""

    frame: Frame
    message: Frame | GrayFrame  # for a worker of the current stage
    queued_at: float  # at the current stage
    attempts: int = 0
    is_written_to: bool = False  # perhaps, by a preprocess worker that was lost with it: its slot is not used again
    reference: StillReference | None = None  # that preprocess compares the frame with
    followed: FollowReference | None = None  # whose digits preprocess follows
    preprocess_worker: str = ""  # that made the gray frame

    @property
    def key(self) -> Key:
        """Camera and sequence number, which name the frame in every message."""
        return self.frame.camera, self.frame.seq

    @property
    def is_likely_to_be_read(self) -> bool:
        """Whether preprocess will probably make a gray frame of it."""
        return not (isinstance(self.message, Frame) and self.message.gate in {Gate.SKIP, Gate.FOLLOW})


@dataclass(frozen=True, slots=True)
class EndedFrame:
    """A frame that ended, with a reading or dropped, and the stage where it ended."""

    job: Job
    stage: Stage
    outcome: Outcome
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs for one worker, and why there are not more."""

    stage: Stage
    worker: str
    jobs: tuple[Job, ...]
    reason: BatchReason


@dataclass(slots=True)
class Worker:
    """A worker, and the jobs that it has not answered yet."""

    stage: Stage
    batch_limit: int = 0  # frames that it takes at once; 0 if it is about to leave
    jobs: dict[Key, Job] = field(default_factory=dict)

    @property
    def credit(self) -> int:
        """How many frames it may be given now: a batch if it is idle, and one batch ahead if it works."""
        return self.batch_limit if len(self.jobs) <= self.batch_limit else 0


class Scheduler:
    """Holds every frame between capture and display. Methods return the frames that ended."""

    def __init__(self, max_age_s: float, reread_s: float = 0.0, *, follow: bool = False) -> None:
        self.max_age_s = max_age_s
        self.gate = StillGate(reread_s)
        self.follow_gate = FollowGate(is_on=follow)
        self.waiting: dict[Stage, FairQueue[Job]] = {stage: FairQueue() for stage in WORKER_STAGES}
        self.frame_requests: FairQueue[str] = FairQueue()  # live cameras whose turn to send comes
        self.workers: OrderedDict[str, Worker] = OrderedDict()  # the first has been idle longest
        self.in_flight: dict[str, int] = {}  # frames by camera
        self.held_bytes = 0  # of the pictures of all frames in flight that came inside messages
        self.last_seq: dict[str, int] = {}
        self._is_holding_back = False  # cameras that wait for leave to send

    def add_frame(self, frame: Frame, now: float) -> list[EndedFrame]:
        """Queue a frame for preprocess.

        Raises MalformedError if it is not newer than the camera's last, if a file sends more than it was let, or if
        the queue holds too much.
        """
        if self.held_bytes + len(frame.jpeg) > MAX_HELD_BYTES:
            raise MalformedError(f"{frame.camera} sends more than the queue holds: {MAX_HELD_BYTES} bytes of pictures")
        if frame.every_frame and self.in_flight.get(frame.camera, 0) >= MAX_IN_FLIGHT:
            raise MalformedError(f"{frame.camera} has {MAX_IN_FLIGHT} frames in flight, and sends more")
        self.record_seq(frame)
        self.in_flight[frame.camera] = self.in_flight.get(frame.camera, 0) + 1
        self.held_bytes += len(frame.jpeg)
        return self._enqueue_job(Stage.PREPROCESS, Job(frame, frame, now))

    def record_seq(self, frame: Frame) -> None:
        """Note a frame's number. Raises MalformedError if it is not newer than the camera's last."""
        if frame.seq <= self.last_seq.get(frame.camera, -1):
            raise MalformedError(f"{frame.camera} sends frame {frame.seq} after {self.last_seq[frame.camera]}")
        self.last_seq[frame.camera] = frame.seq

    def forget_camera(self, camera: str) -> None:
        """Forget a camera that left or restarted; its frames in flight still end as usual."""
        self.last_seq.pop(camera, None)
        self.frame_requests.remove_items(lambda name: name == camera)
        self._forget_past(camera)

    def _forget_past(self, camera: str) -> None:
        """Forget the last scene of a camera, and its turns."""
        self.gate.forget_camera(camera)
        self.follow_gate.forget_camera(camera)
        self.frame_requests.forget_camera(camera)
        for jobs in self.waiting.values():
            jobs.forget_camera(camera)

    def add_answer(self, worker: str, answer: Answer, now: float) -> list[EndedFrame]:
        """Act on a worker's answer about one frame. An answer for a frame it does not hold changes nothing."""
        job = self.workers[worker].jobs.pop((answer.camera, answer.seq), None) if worker in self.workers else None
        if job is None:
            return []
        match answer:
            case GrayFrame() if answer.ticket in {None, job.frame.ticket}:
                job.message, job.queued_at, job.preprocess_worker = answer, now, worker
                self.follow_gate.record_gray_frame(answer)
                return self._enqueue_job(Stage.INFERENCE, job)
            case Reading():
                self._record_reading(job, answer)
                return [self._end_job(job, Stage.INFERENCE, Outcome.READ, answer)]
            case Refusal():
                return [self._end_job(job, self.workers[worker].stage, Outcome(answer.reason))]
        return [self._end_job(job, Stage.PREPROCESS, *repeat_reading(job, answer))]

    def _record_reading(self, job: Job, reading: Reading) -> None:
        if isinstance(job.message, GrayFrame):
            self.gate.record_reading(job.message, job.reference, reading)
            self.follow_gate.record_reading(reading, job.preprocess_worker)

    def set_batch_limit(self, worker: str, stage: Stage, limit: int) -> None:
        """Set how many frames a worker takes at once. One that is about to leave takes 0."""
        self.workers.setdefault(worker, Worker(stage)).batch_limit = limit

    def make_batches(self, now: float) -> tuple[list[Batch], list[EndedFrame]]:
        """Drop stale frames, then divide what waits among the workers.

        A busy worker is given its next batch only if that is full and no worker is idle. Of the idle ones, that which
        has the frame to follow comes first.
        """
        batches, ended = [], self.drop_stale_frames(now)
        takers = [one for one in self.workers.items() if self.waiting[one[1].stage] and one[1].credit]
        if not takers:
            return [], ended  # most turns: messages come one by one
        idle = Counter(worker.stage for _, worker in takers if not worker.jobs)
        follower = self.follow_gate.find_worker(self.waiting[Stage.PREPROCESS].next_camera())
        for name, worker in sorted(takers, key=lambda item: (*serve_order(item[1]), item[0] != follower)):
            waiting = self.waiting[worker.stage]
            if not waiting:  # an earlier worker took all
                continue
            is_preprocess = worker.stage is Stage.PREPROCESS
            available = min(len(waiting), self._preprocess_capacity()) if is_preprocess else len(waiting)
            if worker.jobs:
                share = worker.credit if available >= worker.credit else 0
            else:
                share = -(-len(waiting) // idle[worker.stage])
                idle[worker.stage] -= 1
            jobs = self._take_jobs(worker, min(worker.credit, share, available))
            if not jobs:
                continue
            for job in jobs if is_preprocess else ():
                gated, job.reference = self.gate.set_gate(job.frame)
                is_held_back = self._is_holding_back
                job.message, job.followed = self.follow_gate.set_gate(gated, name, is_held_back=is_held_back)
                self._request_next_frame(job)
            reason = BatchReason.FULL if len(jobs) == worker.batch_limit else BatchReason.DRAINED
            worker.jobs |= {job.key: job for job in jobs}
            self.workers.move_to_end(name)
            batches.append(Batch(worker.stage, name, tuple(jobs), reason))
        return batches, ended

    def _take_jobs(self, worker: Worker, limit: int) -> list[Job]:
        """Take waiting jobs. A job that has already cost a worker goes alone to an idle one."""
        waiting = self.waiting[worker.stage]
        jobs = waiting.take_items(limit)
        if not any(job.attempts for job in jobs):
            return jobs
        alone = 0 if worker.jobs else 1
        for job in reversed(jobs[alone:]):
            waiting.put_back_item(job.frame.camera, job, weight=job.frame.weight)
        return jobs[:alone]

    def drop_stale_frames(self, now: float) -> list[EndedFrame]:
        """End the frames of live cameras that grew too old while they waited."""
        if not any(self.waiting.values()):
            return []

        def is_stale(job: Job) -> bool:
            max_age_s = job.frame.max_age_s or self.max_age_s
            return not job.frame.every_frame and now - job.frame.captured_at > max_age_s

        stale = [(stage, job) for stage in WORKER_STAGES for job in self.waiting[stage].remove_items(is_stale)]
        for stage, job in stale:
            if stage is Stage.PREPROCESS:
                self._request_next_frame(job)
        return [self._end_job(job, stage, Outcome.STALE) for stage, job in stale]

    def remove_worker(self, worker: str) -> list[EndedFrame]:
        """Remove a worker that is gone. Of its frames, those of every_frame cameras wait again, the others end."""
        lost = self.workers.pop(worker, None)
        if lost is None:
            return []
        ended = []
        for job in reversed(lost.jobs.values()):
            job.attempts += 1
            job.is_written_to |= lost.stage is Stage.PREPROCESS
            if job.frame.every_frame and job.attempts < MAX_ATTEMPTS:
                self.waiting[lost.stage].put_back_item(job.frame.camera, job, weight=job.frame.weight)
            else:
                ended.append(self._end_job(job, lost.stage, Outcome.WORKER_LOST))
        return ended

    def every_frame_credit(self, camera: str) -> int:
        """Return how many frames an every_frame camera may send now."""
        return max(0, EVERY_FRAME_WINDOW - self.in_flight.get(camera, 0))

    def request_frame(self, camera: str) -> None:
        """Let a live camera send a frame in its turn, unless one of its frames waits already."""
        if not self.waiting[Stage.PREPROCESS].count_items(camera) and not self.frame_requests.count_items(camera):
            self.frame_requests.add_item(camera, camera)

    def take_frame_requests(self) -> list[str]:
        """Return the live cameras that may send a frame now: in turn, as many as preprocess can take next.

        While all of inference is busy, preprocess takes only as many as inference has room for. A frame that came
        sooner would wait or be replaced, at the cost of two messages and a view. Frames that were requested and have
        not come do not count: between two pictures a camera has nothing to send, and others need not wait for it.
        """
        requests = self.frame_requests.take_items(self._request_capacity()) if self.frame_requests else []
        self._is_holding_back = bool(self.frame_requests)
        return requests

    def _request_capacity(self) -> int:
        preprocess, inference = self._workers_at(Stage.PREPROCESS), self._workers_at(Stage.INFERENCE)
        if not preprocess:
            return len(self.frame_requests)
        capacity = sum(worker.batch_limit for worker in preprocess)
        if all(worker.jobs for worker in inference):
            capacity = min(capacity, self._preprocess_capacity())
        return max(0, capacity - len(self.waiting[Stage.PREPROCESS]))

    def _request_next_frame(self, job: Job) -> None:
        frame = job.frame
        if not frame.every_frame:
            self.frame_requests.add_item(frame.camera, frame.camera, weight=frame.weight)

    def _preprocess_capacity(self) -> int:
        """Return how many more frames preprocess may take, so that it makes what inference can take next and no more.

        A gray frame that is made sooner is replaced or grows old before it is read. Frames of cameras that stand still
        do not count, since most of them end at preprocess.
        """
        preprocess, inference = self._workers_at(Stage.PREPROCESS), self._workers_at(Stage.INFERENCE)
        if not inference:
            return sum(worker.batch_limit for worker in preprocess)
        coming = sum(job.is_likely_to_be_read for worker in preprocess for job in worker.jobs.values())
        made = len(self.waiting[Stage.INFERENCE]) + coming
        return max(0, sum(worker.batch_limit for worker in inference) - made)

    def _workers_at(self, stage: Stage) -> list[Worker]:
        """Return the workers of a stage that go on."""
        return [worker for worker in self.workers.values() if worker.stage is stage and worker.batch_limit]

    def _enqueue_job(self, stage: Stage, job: Job) -> list[EndedFrame]:
        frame = job.frame
        replaced = self.waiting[stage].add_item(frame.camera, job, keep_all=frame.every_frame, weight=frame.weight)
        return [self._end_job(replaced, stage, Outcome.REPLACED)] if replaced else []

    def _end_job(self, job: Job, stage: Stage, outcome: Outcome, reading: Reading | None = None) -> EndedFrame:
        camera = job.frame.camera
        self.in_flight[camera] -= 1
        self.held_bytes -= len(job.frame.jpeg)
        if not self.in_flight[camera]:
            del self.in_flight[camera]
            if camera not in self.last_seq:  # it left before this frame ended
                self._forget_past(camera)
        return EndedFrame(job, stage, outcome, reading)


def repeat_reading(job: Job, answer: Answer) -> tuple[Outcome, Reading | None]:
    """Return the earlier reading that holds for a frame, and where its digits are now.

    The outcome is MALFORMED if preprocess was not asked for this answer, or if it is in the slot of another frame.
    """
    match answer:
        case Unchanged() if job.reference:
            reading, outcome = job.reference.reading, Outcome.UNCHANGED
        case Followed() if job.followed and len(answer.moves) == len(job.followed.reading.digits):
            reading, outcome = move_reading(job.followed.reading, answer.moves), Outcome.FOLLOWED
        case _:
            return Outcome.MALFORMED, None
    return outcome, replace(reading, seq=job.frame.seq, captured_at=job.frame.captured_at)


def move_reading(reading: Reading, moves: Sequence[Move]) -> Reading:
    digits = tuple(digit.moved(move) for digit, move in zip(reading.digits, moves, strict=True))
    return replace(reading, digits=digits)


def serve_order(worker: Worker) -> tuple[bool, bool]:
    """Sort inference first, since its batch makes room for gray frames; at each stage idle workers before busy ones."""
    return worker.stage is Stage.PREPROCESS, bool(worker.jobs)
