"""The work queue's promises, on tables and on every order of events that hypothesis can think of."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.queue.fair_queue import FairQueue
from services.queue.scheduler import EVERY_FRAME_WINDOW, LOST_AFTER_S, MAX_ATTEMPTS, Ended, Job, Scheduler
from shared.messaging.messages import Frame, GrayFrame, MalformedError, Reading
from shared.pipeline import WORKER_STAGES, DropReason, Gate, Outcome, Stage

MAX_AGE_S = 0.15


def frame(camera: str, seq: int, at: float = 0.0, every_frame: bool = False) -> Frame:
    return Frame(camera, seq, at, every_frame, b"jpeg")


def page(job: Job) -> GrayFrame:
    return GrayFrame(*job.key, job.frame.captured_at, 2, 1, 1, b"\0\0")


def reading(job: Job) -> Reading:
    return Reading(*job.key, job.frame.captured_at, 2, 1, ())


def seqs(queue: Scheduler, worker: str, credit: int, now: float = 0.0) -> list[tuple[str, int]]:
    """Ask for work, and name what is given."""
    queue.ready(worker, Stage.PREPROCESS, credit, now)
    batches, _ = queue.batches(now)
    return [job.key for batch in batches for job in batch.jobs]


def test_newest_frame_replaces_the_one_that_waits() -> None:
    queue = Scheduler(MAX_AGE_S)
    ended = [end for seq in range(5) for end in queue.put_frame(frame("a", seq), 0.0)]
    assert [(end.job.frame.seq, end.outcome) for end in ended] == [(seq, "replaced") for seq in range(4)]
    assert seqs(queue, "w", 9) == [("a", 4)]


def test_cameras_are_served_in_turn() -> None:
    queue = Scheduler(MAX_AGE_S)
    for seq in range(3):
        queue.put_frame(frame("file", seq, every_frame=True), 0.0)
    queue.put_frame(frame("live", 0), 0.0)
    assert seqs(queue, "w", 4) == [("file", 0), ("live", 0), ("file", 1), ("file", 2)]


def test_fast_camera_does_not_push_a_slow_one_back() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("slow", 0), 0.0)
    for seq in range(100):
        queue.put_frame(frame("fast", seq), 0.0)
    assert seqs(queue, "w", 1) == [("slow", 0)]
    queue.put_frame(frame("slow", 1), 0.0)
    assert [key for turn in range(2) for key in seqs(queue, f"w{turn}", 1)] == [("fast", 99), ("slow", 1)]


def test_worker_gets_no_more_than_it_asked_for() -> None:
    queue = Scheduler(MAX_AGE_S)
    for camera in "abcde":
        queue.put_frame(frame(camera, 0), 0.0)
    assert len(seqs(queue, "w", 3)) == 3
    assert queue.batches(0.0) == ([], [])


@pytest.mark.parametrize(("credit", "reason"), [(2, "full"), (3, "drained")])
def test_batch_says_why_it_was_closed(credit: int, reason: str) -> None:
    queue = Scheduler(MAX_AGE_S)
    for camera in "ab":
        queue.put_frame(frame(camera, 0), 0.0)
    queue.ready("w", Stage.PREPROCESS, credit, 0.0)
    assert [batch.reason for batch in queue.batches(0.0)[0]] == [reason]


def test_what_waits_is_shared_among_idle_workers() -> None:
    queue = Scheduler(MAX_AGE_S)
    for camera in "abcde":
        queue.put_frame(frame(camera, 0), 0.0)
    for worker in ("w1", "w2"):
        queue.ready(worker, Stage.PREPROCESS, 4, 0.0)
    queue.ready("other", Stage.INFERENCE, 8, 0.0)
    assert [len(batch.jobs) for batch in queue.batches(0.0)[0]] == [3, 2]


def test_no_more_pages_are_made_than_inference_takes_next() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.ready("reader", Stage.INFERENCE, 2, 0.0)
    queue.ready("reader", Stage.INFERENCE, 0, 0.0)  # it works
    for camera in "abcde":
        queue.put_frame(frame(camera, 0), 0.0)
    assert seqs(queue, "w1", 4) == [("a", 0), ("b", 0)]
    assert seqs(queue, "w2", 4) == []
    for job in list(queue.workers["w1"].jobs.values()):
        queue.put_page("w1", page(job), 0.0)
    assert queue.batches(0.0)[0] == []
    queue.ready("reader", Stage.INFERENCE, 2, 0.0)
    taken = {batch.worker: [job.key for job in batch.jobs] for batch in queue.batches(0.0)[0]}
    assert taken == {"reader": [("a", 0), ("b", 0)], "w2": [("c", 0), ("d", 0)]}


def test_idlest_worker_is_served_first() -> None:
    queue = Scheduler(MAX_AGE_S)
    given = []
    for seq in range(4):
        for worker in ("w1", "w2"):
            queue.ready(worker, Stage.PREPROCESS, 1, 0.0)
        queue.put_frame(frame("a", seq), 0.0)
        given += [batch.worker for batch in queue.batches(0.0)[0]]
    assert Counter(given) == {"w1": 2, "w2": 2}


def test_worker_that_works_is_given_one_batch_more_and_only_a_full_one() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("a", 0), 0.0)
    assert seqs(queue, "w", 2) == [("a", 0)]
    queue.put_frame(frame("a", 1), 0.0)
    assert seqs(queue, "w", 2) == []  # one more is no full batch
    queue.put_frame(frame("b", 0), 0.0)
    assert [job.key for batch in queue.batches(0.0)[0] for job in batch.jobs] == [("a", 1), ("b", 0)]
    for camera in "abc":
        queue.put_frame(frame(camera, 2), 0.0)
    assert seqs(queue, "w", 2) == []  # its next batch is there already
    queue.refuse("w", ("a", 0), DropReason.MALFORMED)
    assert seqs(queue, "w", 2) == [("a", 2), ("b", 2)]


def test_what_waits_goes_to_who_is_idle_before_who_works() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("a", 0), 0.0)
    assert seqs(queue, "busy", 1) == [("a", 0)]
    queue.ready("busy", Stage.PREPROCESS, 1, 0.0)
    queue.ready("idle", Stage.PREPROCESS, 1, 0.0)
    queue.put_frame(frame("b", 0), 0.0)
    assert [batch.worker for batch in queue.batches(0.0)[0]] == ["idle"]
    queue.put_frame(frame("c", 0), 0.0)
    assert [batch.worker for batch in queue.batches(0.0)[0]] == ["busy"]


def test_stale_frame_takes_no_place_in_a_batch() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("old", 0, at=0.0), 0.0)
    queue.put_frame(frame("new", 0, at=0.1), 0.1)
    queue.ready("w", Stage.PREPROCESS, 1, 0.2)
    batches, ended = queue.batches(0.2)
    assert [job.key for job in batches[0].jobs] == [("new", 0)]
    assert [(end.job.key, end.stage, end.outcome) for end in ended] == [(("old", 0), "preprocess", "stale")]


def test_camera_has_its_own_max_age() -> None:
    queue = Scheduler(MAX_AGE_S)
    for camera, max_age_s in (("patient", 0.5), ("usual", 0.0), ("hasty", 0.05)):
        queue.put_frame(replace(frame(camera, 0), max_age_s=max_age_s), 0.0)
    assert [end.job.frame.camera for end in queue.drop_stale(0.1)] == ["hasty"]
    assert [end.job.frame.camera for end in queue.drop_stale(0.2)] == ["usual"]
    assert [end.job.frame.camera for end in queue.drop_stale(0.6)] == ["patient"]


def test_heavy_camera_has_more_turns_under_load() -> None:
    queue = Scheduler(MAX_AGE_S)
    served: Counter[str] = Counter()
    for seq in range(40):
        for camera, weight in (("heavy", 3.0), ("light", 1.0)):
            queue.put_frame(replace(frame(camera, seq), weight=weight), 0.0)
        served.update(camera for camera, _ in seqs(queue, f"w{seq}", 1))
    assert served == {"heavy": 30, "light": 10}


def test_every_frame_never_gets_stale() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("file", 0, every_frame=True), 0.0)
    assert seqs(queue, "w", 1, now=1e6) == [("file", 0)]


def test_every_frame_camera_is_held_back_by_its_credit() -> None:
    queue = Scheduler(MAX_AGE_S)
    for seq in range(EVERY_FRAME_WINDOW):
        assert queue.credit("file") == EVERY_FRAME_WINDOW - seq
        queue.put_frame(frame("file", seq, every_frame=True), 0.0)
    assert queue.credit("file") == 0


def test_live_cameras_send_in_turn_as_many_frames_as_preprocess_takes_next() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.ready("w", Stage.PREPROCESS, 2, 0.0)
    for camera in "abc":
        queue.ask(camera)
    assert queue.askers() == ["a", "b"]
    for camera in "ab":
        queue.put_frame(frame(camera, 0), 0.0)
    assert queue.askers() == []  # two wait
    queue.batches(0.0)
    assert queue.askers() == ["c", "a"]


def hand_pages_on(queue: Scheduler) -> None:
    """Let preprocess take the frames that wait, and inference their pages."""
    queue.ready("maker", Stage.PREPROCESS, 2, 0.0)
    batches, _ = queue.batches(0.0)
    for job in [job for batch in batches if batch.stage == "preprocess" for job in batch.jobs]:
        queue.put_page("maker", page(job), 0.0)
    queue.batches(0.0)


def test_while_all_of_inference_works_cameras_send_no_more_than_it_takes_next() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.ready("maker", Stage.PREPROCESS, 2, 0.0)
    queue.ready("reader", Stage.INFERENCE, 1, 0.0)
    for camera in "abc":
        queue.put_frame(frame(camera, 0), 0.0)
    hand_pages_on(queue)  # a is being read
    hand_pages_on(queue)  # b's page is what inference takes next, and c's frame waits
    assert queue.waiting[Stage.INFERENCE].count("b")
    assert queue.askers() == []
    queue.ready("other", Stage.INFERENCE, 1, 0.0)  # idle
    assert queue.askers() == ["a"]


def test_cameras_are_not_held_back_before_there_is_a_worker() -> None:
    queue = Scheduler(MAX_AGE_S)
    for camera in "abc":
        queue.ask(camera)
    assert queue.askers() == ["a", "b", "c"]


def test_camera_whose_frame_waits_or_who_asks_already_is_not_asked_twice() -> None:
    queue = Scheduler(MAX_AGE_S)
    for camera in "aab":
        queue.ask(camera)
    queue.put_frame(frame("c", 0), 0.0)
    queue.ask("c")
    assert queue.askers() == ["a", "b"]


def test_live_camera_may_send_again_when_its_frame_became_stale() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("a", 0), 0.0)
    queue.drop_stale(MAX_AGE_S + 0.1)
    assert queue.askers() == ["a"]


def test_heavy_camera_sends_more_often_where_all_want_to() -> None:
    queue, sent = Scheduler(MAX_AGE_S), Counter[str]()
    weights = {"heavy": 2.0, "light": 1.0, "other": 1.0}
    for camera in weights:
        queue.ask(camera)
    for seq in range(400):
        queue.ready("w", Stage.PREPROCESS, 1, 0.0)
        for camera in queue.askers():
            sent[camera] += 1
            queue.put_frame(replace(frame(camera, seq), weight=weights[camera]), 0.0)
        for batch in queue.batches(0.0)[0]:
            queue.refuse("w", batch.jobs[0].key, DropReason.MALFORMED)
    assert sent["heavy"] == pytest.approx(200, abs=2)
    assert sent["light"] == pytest.approx(100, abs=2)


def test_work_of_a_lost_worker_is_given_out_again_in_order() -> None:
    queue = Scheduler(MAX_AGE_S)
    for seq in range(3):
        queue.put_frame(frame("file", seq, every_frame=True), 0.0)
    assert seqs(queue, "w1", 2) == [("file", 0), ("file", 1)]
    assert queue.lose("w1") == []
    # what has cost a worker goes alone, to one that is idle
    assert [seqs(queue, worker, 3) for worker in ("w2", "w3", "w4")] == [[("file", n)] for n in range(3)]


def test_live_work_of_a_silent_worker_is_dropped_and_its_late_answer_changes_nothing() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("live", 0), 0.0)
    queue.ready("w", Stage.PREPROCESS, 1, 0.0)
    (batch,), _ = queue.batches(0.0)
    assert queue.lose_silent(LOST_AFTER_S) == []
    (end,) = queue.lose_silent(LOST_AFTER_S + 0.1)
    assert (end.stage, end.outcome) == ("preprocess", "worker lost")
    assert queue.put_page("w", page(batch.jobs[0]), 4.0) == []
    assert not queue.waiting[Stage.INFERENCE]


def test_frame_that_costs_every_worker_is_given_up() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("file", 0, every_frame=True), 0.0)
    ended: list[Ended] = []
    for attempt in range(MAX_ATTEMPTS):
        assert seqs(queue, f"w{attempt}", 1) == [("file", 0)]
        ended += queue.lose(f"w{attempt}")
    assert [end.outcome for end in ended] == ["worker lost"]
    assert not queue.in_flight


def test_frame_that_costs_every_worker_takes_no_other_with_it() -> None:
    queue, lost = Scheduler(MAX_AGE_S), []
    for seq in range(6):
        queue.put_frame(frame("file", seq, every_frame=True), 0.0)
    for number in range(50):
        worker = f"w{number}"
        given_now = seqs(queue, worker, 3)
        if ("file", 2) in given_now:  # it kills, with a batch ahead in its hands
            seqs(queue, worker, 3)
            lost += [end.job.frame.seq for end in queue.lose(worker)]
        for key in given_now if worker in queue.workers else ():
            queue.refuse(worker, key, DropReason.MALFORMED)
    assert lost == [2]
    assert not queue.in_flight


def test_refused_frame_ends_with_the_workers_reason() -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("live", 0), 0.0)
    seqs(queue, "w", 1)
    (end,) = queue.refuse("w", ("live", 0), DropReason.MALFORMED)
    assert (end.stage, end.outcome) == ("preprocess", "malformed")


@pytest.mark.parametrize("seq", [3, 2])
def test_frame_that_is_not_newer_is_malformed(seq: int) -> None:
    queue = Scheduler(MAX_AGE_S)
    queue.put_frame(frame("live", 3), 0.0)
    with pytest.raises(MalformedError):
        queue.put_frame(frame("live", seq), 0.0)


def test_unchanged_page_ends_with_the_last_reading_and_its_own_time() -> None:
    queue = Scheduler(MAX_AGE_S, reread_s=1.0)
    for seq, at in enumerate((0.0, 0.6)):  # the second shows that the page stands still
        queue.put_frame(frame("live", seq, at), at)
        answer(queue, at, b"" if seq else b"sketch")
    queue.put_frame(frame("live", 2, at=0.7), 0.7)
    queue.ready("p", Stage.PREPROCESS, 1, 0.7)
    assert [(job.work.gate, job.work.sketch) for job in given(queue, 0.7) if isinstance(job.work, Frame)] == [
        ("skip", b"sketch")
    ]
    (end,) = queue.put_unchanged("p", ("live", 2))
    assert (end.stage, end.outcome, end.reading) == ("preprocess", "unchanged", Reading("live", 2, 0.7, 2, 1, ()))
    assert not queue.in_flight


def test_frames_of_cameras_that_stand_still_leave_their_room_to_others() -> None:
    queue = Scheduler(MAX_AGE_S, reread_s=1.0)
    for camera in "abc":
        for seq, at in enumerate((0.0, 0.6)):
            queue.put_frame(frame(camera, seq, at), at)
            answer(queue, at, b"" if seq else b"sketch")
    for camera in "abc":
        queue.put_frame(frame(camera, 2, 0.7), 0.7)
    queue.ready("i", Stage.INFERENCE, 1, 0.7)  # inference takes one page, and none of these makes one
    assert [seqs(queue, worker, 1, 0.7) for worker in ("p", "p2", "p3")] == [[("a", 2)], [("b", 2)], [("c", 2)]]


def given(queue: Scheduler, now: float) -> list[Job]:
    return [job for batch in queue.batches(now)[0] for job in batch.jobs]


def answer(queue: Scheduler, now: float, sketch: bytes) -> None:
    """Let the frame that waits be read."""
    queue.ready("p", Stage.PREPROCESS, 1, now)
    queue.ready("i", Stage.INFERENCE, 1, now)
    (job,) = given(queue, now)
    queue.put_page("p", replace(page(job), sketch=sketch), now)
    (job,) = given(queue, now)
    queue.put_reading("i", reading(job))


def test_page_that_was_not_compared_is_not_unchanged() -> None:
    queue = Scheduler(MAX_AGE_S, reread_s=1.0)
    queue.put_frame(frame("live", 0), 0.0)
    assert seqs(queue, "w", 1) == [("live", 0)]
    (end,) = queue.put_unchanged("w", ("live", 0))
    assert (end.outcome, end.reading) == ("malformed", None)


def test_slots_are_empty_after_everything_was_taken() -> None:
    slots: FairQueue[int] = FairQueue()
    for item in range(3):
        slots.put("file", item, keep_all=True)
    slots.put("live", 9)
    assert [slots.take(2), slots.take(9), slots.take(9)] == [[0, 9], [1, 2], []]
    assert len(slots) == 0


class Pipeline(RuleBasedStateMachine):
    """Cameras, workers and time do what they like; the promises hold after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Scheduler(MAX_AGE_S, reread_s=1.0)
        self.now = 0.0
        self.seq = 0
        self.frames_in: Counter[str] = Counter()
        self.ended: list[Ended] = []
        self.in_hand: list[tuple[str, str, Job]] = []  # stage, worker, job

    @rule(camera=st.sampled_from(["live", "live.2", "file", "file.2"]))
    def frame_comes(self, camera: str) -> None:
        every_frame = camera.startswith("file")
        if not every_frame or self.queue.credit(camera):
            self.seq += 1
            self.frames_in[camera] += 1
            self.ended += self.queue.put_frame(frame(camera, self.seq, self.now, every_frame), self.now)

    @rule(stage=st.sampled_from(WORKER_STAGES), number=st.integers(1, 2), credit=st.integers(0, 4))
    def worker_asks(self, stage: Stage, number: int, credit: int) -> None:
        self.queue.ready(f"{stage}.{number}", stage, credit, self.now)
        batches, ended = self.queue.batches(self.now)
        self.ended += ended
        for batch in batches:
            for job in batch.jobs:
                assert job.frame.every_frame or self.now - job.frame.captured_at <= MAX_AGE_S
                self.in_hand.append((batch.stage, batch.worker, replace(job)))

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def worker_answers(self, data: st.DataObject) -> None:
        stage, worker, job = self.in_hand.pop(data.draw(st.integers(0, len(self.in_hand) - 1)))
        if stage == "preprocess" and isinstance(job.work, Frame):
            is_same = job.work.sketch and data.draw(st.booleans())
            if is_same and job.work.gate == Gate.SKIP:
                self.ended += self.queue.put_unchanged(worker, job.key)
                return
            sketch = b"" if is_same or job.work.gate == Gate.OPEN else str(job.frame.seq).encode()
            self.ended += self.queue.put_page(worker, replace(page(job), sketch=sketch), self.now)
        else:
            self.ended += self.queue.put_reading(worker, reading(job))

    @rule(stage=st.sampled_from(WORKER_STAGES), number=st.integers(1, 2))
    def worker_dies(self, stage: Stage, number: int) -> None:
        self.ended += self.queue.lose(f"{stage}.{number}")

    @rule(seconds=st.sampled_from([0.01, 0.1, 1.0, 4.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.ended += self.queue.lose_silent(self.now)

    @invariant()
    def frames_in_are_readings_drops_and_frames_in_flight(self) -> None:
        done = Counter(end.job.frame.camera for end in self.ended)
        assert self.frames_in == done + Counter(self.queue.in_flight)

    @invariant()
    def each_frame_ends_once(self) -> None:
        assert len({end.job.key for end in self.ended}) == len(self.ended)

    @invariant()
    def one_frame_of_a_live_camera_waits_at_a_stage(self) -> None:
        for slots in self.queue.waiting.values():
            assert slots.count("live") <= 1
            assert slots.count("live.2") <= 1

    @invariant()
    def a_worker_has_no_more_than_two_batches(self) -> None:
        assert all(len(worker.jobs) <= 2 * worker.most for worker in self.queue.workers.values())

    @invariant()
    def each_reading_is_of_its_frame(self) -> None:
        assert all((end.reading is not None) == (end.outcome.has_reading) for end in self.ended)
        for job, answer in [(end.job, end.reading) for end in self.ended if end.reading]:
            assert (answer.camera, answer.seq, answer.captured_at) == (*job.key, job.frame.captured_at)

    @invariant()
    def nothing_of_a_file_is_lost(self) -> None:
        lost = [end for end in self.ended if end.job.frame.every_frame and end.outcome != Outcome.READ]
        assert all(end.job.attempts >= MAX_ATTEMPTS for end in lost)

    @invariant()
    def a_file_is_within_its_window(self) -> None:
        assert all(self.queue.in_flight.get(file, 0) <= EVERY_FRAME_WINDOW for file in ("file", "file.2"))


Pipeline.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
TestPipeline = Pipeline.TestCase
