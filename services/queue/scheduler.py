"""Slots, credits, batches and drops: who works on which frame, and how each frame ends.

Pure: no socket and no clock of its own; `now` is passed in, in seconds. What always holds: a live camera has at most
one frame waiting at a stage, and the newest wins; a frame of an every_frame camera is never dropped while workers
live; cameras are served in turn, by their weights; frames in = readings + drops + frames in flight. The reading of a
frame whose page is the same as one that was read is that one's.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace

from services.queue.fair_queue import FairQueue
from services.queue.still_gate import StillGate, StillReference
from shared.messaging.messages import Frame, GrayFrame, MalformedError, Reading
from shared.pipeline import WORKER_STAGES, BatchReason, DropReason, Gate, Outcome, Stage

EVERY_FRAME_WINDOW = 8  # frames of one camera in flight: two for each of four workers
MAX_ATTEMPTS = 3  # a frame that has cost this many workers would cost the next one too
LOST_AFTER_S = 3.0  # a worker is heard every half second; the largest picture takes a tenth of a second

Key = tuple[str, int]  # camera, seq


@dataclass(slots=True)
class Job:
    """A frame on its way through the stages."""

    frame: Frame
    work: Frame | GrayFrame  # what the stage where it is now gets
    since: float  # when it began to wait there
    attempts: int = 0
    compared: StillReference | None = None  # what preprocess is to compare its page with

    @property
    def key(self) -> Key:
        """What names the frame in every message about it."""
        return self.frame.camera, self.frame.seq

    @property
    def makes_page(self) -> bool:
        """Whether preprocess is likely to make a page of it: not where its camera has stood still until now."""
        return not (isinstance(self.work, Frame) and self.work.gate is Gate.SKIP)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a frame ended: with a reading, or dropped at a stage."""

    job: Job
    stage: Stage
    outcome: Outcome
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Work for one worker, and why it is not larger: which reason it has."""

    stage: Stage
    worker: str
    jobs: tuple[Job, ...]
    reason: BatchReason


@dataclass(slots=True)
class Worker:
    """What is known of a worker; the jobs are in its hands until it answers each."""

    stage: Stage
    credit: int = 0
    most: int = 0  # its credit when it is idle
    seen_at: float = 0.0
    jobs: dict[Key, Job] = field(default_factory=dict)


def serve_order(worker: Worker) -> tuple[bool, bool]:
    """Inference first, since what it takes leaves room for new pages; at each stage who is idle before who works."""
    return worker.stage is Stage.PREPROCESS, bool(worker.jobs)


class Scheduler:
    """Every frame between capture and display. Methods return the frames that ended by what happened."""

    def __init__(self, max_age_s: float, reread_s: float = 0.0) -> None:
        self.max_age_s = max_age_s
        self.gate = StillGate(reread_s)
        self.waiting: dict[Stage, FairQueue[Job]] = {stage: FairQueue() for stage in WORKER_STAGES}
        self.asking: FairQueue[str] = FairQueue()  # live cameras whose next frame may come in their turn
        self.workers: OrderedDict[str, Worker] = OrderedDict()  # the first has been idle longest
        self.in_flight: dict[str, int] = {}  # frames by camera
        self.last_seq: dict[str, int] = {}

    def put_frame(self, frame: Frame, now: float) -> list[Ended]:
        """Take in a frame of a camera. Raises MalformedError for one that is not newer than the last."""
        if frame.seq <= self.last_seq.get(frame.camera, -1):
            raise MalformedError(f"{frame.camera} sends frame {frame.seq} after {self.last_seq[frame.camera]}")
        self.last_seq[frame.camera] = frame.seq
        self.in_flight[frame.camera] = self.in_flight.get(frame.camera, 0) + 1
        return self._wait(Stage.PREPROCESS, Job(frame, frame, now))

    def forget(self, camera: str) -> None:
        """A camera has left, or comes anew; its frames in flight end as they would have."""
        self.last_seq.pop(camera, None)
        self.gate.forget(camera)
        self.asking.remove(lambda name: name == camera)

    def put_page(self, worker: str, page: GrayFrame, now: float) -> list[Ended]:
        """Take in a page from a preprocess worker. An answer nobody waits for (its worker was lost) changes nothing."""
        job = self._answered(worker, (page.camera, page.seq))
        if job is None:
            return []
        job.work, job.since = page, now
        return self._wait(Stage.INFERENCE, job)

    def put_unchanged(self, worker: str, key: Key) -> list[Ended]:
        """Take in that a page is the one it was compared with."""
        job = self._answered(worker, key)
        if job is None:
            return []
        if job.compared is None:
            return [self._end(job, Stage.PREPROCESS, Outcome.MALFORMED)]
        reading = replace(job.compared.reading, seq=job.frame.seq, captured_at=job.frame.captured_at)
        return [self._end(job, Stage.PREPROCESS, Outcome.UNCHANGED, reading)]

    def put_reading(self, worker: str, reading: Reading) -> list[Ended]:
        """Take in a reading from an inference worker."""
        job = self._answered(worker, (reading.camera, reading.seq))
        if job is None:
            return []
        if isinstance(job.work, GrayFrame):
            self.gate.note(job.work, job.compared, reading)
        return [self._end(job, Stage.INFERENCE, Outcome.READ, reading)]

    def refuse(self, worker: str, key: Key, reason: DropReason) -> list[Ended]:
        """End a frame that its worker could not work on."""
        job = self._answered(worker, key)
        return [self._end(job, self.workers[worker].stage, Outcome(reason))] if job else []

    def ready(self, worker: str, stage: Stage, credit: int, now: float) -> None:
        """A worker says how many items it takes now, also while it works; this is its sign of life, too."""
        known = self.workers.setdefault(worker, Worker(stage))
        known.credit, known.most, known.seen_at = credit, max(credit, known.most), now

    def batches(self, now: float) -> tuple[list[Batch], list[Ended]]:
        """Share what waits among the workers that have credit; what is stale ends here, before it takes a place.

        A worker that still works is given its next batch, and no more, when that is full and nobody is idle.
        """
        batches, ended = [], self.drop_stale(now)
        idle = Counter(worker.stage for worker in self.workers.values() if worker.credit and not worker.jobs)
        for name, worker in sorted(self.workers.items(), key=lambda item: serve_order(item[1])):
            waiting = self.waiting[worker.stage]
            if not worker.credit or not waiting:
                continue
            open_to = min(len(waiting), self._room()) if worker.stage is Stage.PREPROCESS else len(waiting)
            if worker.jobs:
                is_next = len(worker.jobs) <= worker.most and open_to >= worker.credit
                share = worker.credit if is_next else 0
            else:
                share = -(-len(waiting) // idle[worker.stage])
                idle[worker.stage] -= 1
            jobs = self._take(worker, min(worker.credit, share, open_to))
            if not jobs:
                continue
            for job in jobs if worker.stage is Stage.PREPROCESS else ():
                job.work, job.compared = self.gate.ask(job.frame)
                self._let_ask(job)
            reason = BatchReason.FULL if len(jobs) == worker.credit else BatchReason.DRAINED
            worker.jobs |= {job.key: job for job in jobs}
            worker.credit = 0
            self.workers.move_to_end(name)
            batches.append(Batch(worker.stage, name, tuple(jobs), reason))
        return batches, ended

    def _take(self, worker: Worker, most: int) -> list[Job]:
        """Up to so many jobs; what has cost a worker goes alone to an idle one, or its neighbours would pay with it."""
        waiting = self.waiting[worker.stage]
        jobs = waiting.take(most)
        if not any(job.attempts for job in jobs):
            return jobs
        alone = 0 if worker.jobs else 1
        for job in reversed(jobs[alone:]):
            waiting.put_back(job.frame.camera, job)
        return jobs[:alone]

    def drop_stale(self, now: float) -> list[Ended]:
        """End the live frames that have become too old while they waited."""

        def is_stale(job: Job) -> bool:
            oldest_s = job.frame.max_age_s or self.max_age_s
            return not job.frame.every_frame and now - job.frame.captured_at > oldest_s

        stale = [(stage, job) for stage in WORKER_STAGES for job in self.waiting[stage].remove(is_stale)]
        for stage, job in stale:
            if stage is Stage.PREPROCESS:
                self._let_ask(job)
        return [self._end(job, stage, Outcome.STALE) for stage, job in stale]

    def lose_silent(self, now: float) -> list[Ended]:
        """Give up the workers that have not been heard for LOST_AFTER_S."""
        silent = [name for name, worker in self.workers.items() if now - worker.seen_at > LOST_AFTER_S]
        return [ended for name in silent for ended in self.lose(name)]

    def lose(self, worker: str) -> list[Ended]:
        """Give up a worker: what it held is given out again if it is every_frame, and dropped if it is live."""
        lost = self.workers.pop(worker, None)
        return [ended for job in reversed(lost.jobs.values()) for ended in self._retry(lost.stage, job)] if lost else []

    def credit(self, camera: str) -> int:
        """How many frames an every_frame camera may send now."""
        return max(0, EVERY_FRAME_WINDOW - self.in_flight.get(camera, 0))

    def ask(self, camera: str) -> None:
        """A live camera is there: it may send a frame in its turn, unless one of its frames waits already."""
        if not self.waiting[Stage.PREPROCESS].count(camera) and not self.asking.count(camera):
            self.asking.put(camera, camera)

    def askers(self) -> list[str]:
        """The live cameras that may send a frame now: in turn, as many as preprocess takes beyond what waits for it.

        While all of inference works, that is as many as it has room for. What came sooner would wait, or be replaced,
        for the price of two messages and a view. Who was asked and has not sent yet is not counted: between two
        pictures a camera has nothing, and others are not to wait for it.
        """
        makers, readers = self._at(Stage.PREPROCESS), self._at(Stage.INFERENCE)
        if not makers:
            return self.asking.take(len(self.asking))
        taken_next = sum(worker.most for worker in makers)
        if all(worker.jobs for worker in readers):
            taken_next = min(taken_next, self._room())
        return self.asking.take(max(0, taken_next - len(self.waiting[Stage.PREPROCESS])))

    def _let_ask(self, job: Job) -> None:
        frame = job.frame
        if not frame.every_frame:
            self.asking.put(frame.camera, frame.camera, weight=frame.weight)

    def _room(self) -> int:
        """How many more frames preprocess may take: no more pages are made than inference takes next.

        A page that is made sooner is replaced before it is read, or is older then, for the price of decoding it. Where
        a camera stands still, most likely none is made.
        """
        makers, readers = self._at(Stage.PREPROCESS), self._at(Stage.INFERENCE)
        if not readers:
            return sum(worker.most for worker in makers)
        made = len(self.waiting[Stage.INFERENCE]) + sum(
            job.makes_page for worker in makers for job in worker.jobs.values()
        )
        return max(0, sum(worker.most for worker in readers) - made)

    def _at(self, stage: Stage) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.stage == stage]

    def _wait(self, stage: Stage, job: Job) -> list[Ended]:
        frame = job.frame
        replaced = self.waiting[stage].put(frame.camera, job, frame.every_frame, frame.weight)
        return [self._end(replaced, stage, Outcome.REPLACED)] if replaced else []

    def _answered(self, worker: str, key: Key) -> Job | None:
        return self.workers[worker].jobs.pop(key, None) if worker in self.workers else None

    def _retry(self, stage: Stage, job: Job) -> list[Ended]:
        job.attempts += 1
        if not job.frame.every_frame or job.attempts >= MAX_ATTEMPTS:
            return [self._end(job, stage, Outcome.WORKER_LOST)]
        self.waiting[stage].put_back(job.frame.camera, job)
        return []

    def _end(self, job: Job, stage: Stage, outcome: Outcome, reading: Reading | None = None) -> Ended:
        camera = job.frame.camera
        self.in_flight[camera] -= 1
        if not self.in_flight[camera]:
            del self.in_flight[camera]
        return Ended(job, stage, outcome, reading)
