"""The scheduler's invariants, on examples and on random orders of events."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.queue.fair_queue import FairQueue
from services.queue.scheduler import EVERY_FRAME_WINDOW, MAX_ATTEMPTS, MAX_IN_FLIGHT, Answer, EndedFrame, Job, Scheduler
from shared.messaging.codec import MalformedError
from shared.messaging.messages import Followed, Frame, GrayFrame, Reading, Refusal, Unchanged
from shared.pipeline import WORKER_STAGES, DropReason, Gate, Outcome, Stage
from shared.vision.digit import Digit, Move
from shared.vision.follow_rule import LOOK_S
from tests.shared.vision.reading import digit_of

MAX_AGE_S = 0.15
SEVEN = digit_of(7)


def frame(camera: str, seq: int, at: float = 0.0, every_frame: bool = False) -> Frame:
    return Frame(camera=camera, seq=seq, captured_at=at, every_frame=every_frame, jpeg=b"jpeg")


def gray_frame(job: Job) -> GrayFrame:
    camera, seq = job.key
    captured_at = job.frame.captured_at
    return GrayFrame(
        camera=camera, seq=seq, captured_at=captured_at, width=2, height=1, rows=1, columns=2, pixels=b"\0\0"
    )


def reading(job: Job, digits: tuple[Digit, ...] = ()) -> Reading:
    camera, seq = job.key
    return Reading(camera=camera, seq=seq, captured_at=job.frame.captured_at, width=2, height=1, digits=digits)


def give_credit(scheduler: Scheduler, worker: str, credit: int, now: float = 0.0) -> list[tuple[str, int]]:
    """Give a preprocess worker credit, and return the keys of the frames that are given out."""
    scheduler.set_batch_limit(worker, Stage.PREPROCESS, credit)
    batches, _ = scheduler.make_batches(now)
    return [job.key for batch in batches for job in batch.jobs]


def test_newest_frame_replaces_the_waiting_one() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    ended = [end for seq in range(5) for end in scheduler.add_frame(frame("a", seq), 0.0)]
    assert [(end.job.frame.seq, end.outcome) for end in ended] == [(seq, "replaced") for seq in range(4)]
    assert give_credit(scheduler, "w", 9) == [("a", 4)]


def test_cameras_are_served_in_turn() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for seq in range(3):
        scheduler.add_frame(frame("file", seq, every_frame=True), 0.0)
    scheduler.add_frame(frame("live", 0), 0.0)
    assert give_credit(scheduler, "w", 4) == [("file", 0), ("live", 0), ("file", 1), ("file", 2)]


def test_fast_camera_does_not_delay_a_slow_one() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("slow", 0), 0.0)
    for seq in range(100):
        scheduler.add_frame(frame("fast", seq), 0.0)
    assert give_credit(scheduler, "w", 1) == [("slow", 0)]
    scheduler.add_frame(frame("slow", 1), 0.0)
    assert [key for turn in range(2) for key in give_credit(scheduler, f"w{turn}", 1)] == [("fast", 99), ("slow", 1)]


def test_worker_gets_no_more_than_it_takes_at_once() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for camera in "abcde":
        scheduler.add_frame(frame(camera, 0), 0.0)
    assert len(give_credit(scheduler, "w", 3)) == 3
    assert scheduler.make_batches(0.0) == ([], [])


def test_worker_that_is_about_to_leave_gets_nothing_and_its_answers_count() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("a", 0), 0.0)
    assert give_credit(scheduler, "w", 1) == [("a", 0)]
    scheduler.add_frame(frame("a", 1), 0.0)
    assert give_credit(scheduler, "w", 0) == []
    (end,) = scheduler.add_answer("w", Refusal("a", 0, DropReason.MALFORMED), 0.0)
    assert end.outcome == "malformed"
    assert scheduler.make_batches(0.0) == ([], [])
    scheduler.request_frame("b")
    assert scheduler.take_frame_requests() == ["a", "b"]  # as before the first worker is there


@pytest.mark.parametrize(("credit", "reason"), [(2, "full"), (3, "drained")])
def test_batch_has_the_reason_why_it_is_not_larger(credit: int, reason: str) -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for camera in "ab":
        scheduler.add_frame(frame(camera, 0), 0.0)
    scheduler.set_batch_limit("w", Stage.PREPROCESS, credit)
    assert [batch.reason for batch in scheduler.make_batches(0.0)[0]] == [reason]


def test_waiting_frames_are_divided_among_idle_workers() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for camera in "abcde":
        scheduler.add_frame(frame(camera, 0), 0.0)
    for worker in ("w1", "w2"):
        scheduler.set_batch_limit(worker, Stage.PREPROCESS, 4)
    scheduler.set_batch_limit("other", Stage.INFERENCE, 8)
    assert [len(batch.jobs) for batch in scheduler.make_batches(0.0)[0]] == [3, 2]


def test_preprocess_makes_no_more_than_inference_takes_next() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.set_batch_limit("inference", Stage.INFERENCE, 2)
    for camera in "abcde":
        scheduler.add_frame(frame(camera, 0), 0.0)
    assert give_credit(scheduler, "w1", 4) == [("a", 0), ("b", 0)]
    assert give_credit(scheduler, "w2", 4) == []
    for job in list(scheduler.workers["w1"].jobs.values()):
        scheduler.add_answer("w1", gray_frame(job), 0.0)
    taken = {batch.worker: [job.key for job in batch.jobs] for batch in scheduler.make_batches(0.0)[0]}
    assert taken == {"inference": [("a", 0), ("b", 0)], "w1": [("c", 0), ("d", 0)]}


def test_preprocess_goes_on_while_inference_waits_for_a_full_batch() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.set_batch_limit("inference", Stage.INFERENCE, 2)
    for camera in "ab":
        scheduler.add_frame(frame(camera, 0), 0.0)
        give_credit(scheduler, "w", 1)
        (job,) = scheduler.workers["w"].jobs.values()
        scheduler.add_answer("w", gray_frame(job), 0.0)
        scheduler.make_batches(0.0)
    assert [len(scheduler.workers["inference"].jobs), len(scheduler.waiting[Stage.INFERENCE])] == [1, 1]
    scheduler.add_frame(frame("c", 0), 0.0)
    assert give_credit(scheduler, "w", 1) == [("c", 0)]


def test_longest_idle_worker_is_served_first() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    given = []
    for seq in range(4):
        for worker in ("w1", "w2"):
            scheduler.set_batch_limit(worker, Stage.PREPROCESS, 1)
        scheduler.add_frame(frame("a", seq), 0.0)
        given += [batch.worker for batch in scheduler.make_batches(0.0)[0]]
    assert Counter(given) == {"w1": 2, "w2": 2}


def test_busy_worker_is_given_one_more_batch_if_it_is_full() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("a", 0), 0.0)
    assert give_credit(scheduler, "w", 2) == [("a", 0)]
    scheduler.add_frame(frame("a", 1), 0.0)
    assert give_credit(scheduler, "w", 2) == []  # one frame is not a full batch
    scheduler.add_frame(frame("b", 0), 0.0)
    assert [job.key for batch in scheduler.make_batches(0.0)[0] for job in batch.jobs] == [("a", 1), ("b", 0)]
    for camera in "abc":
        scheduler.add_frame(frame(camera, 2), 0.0)
    assert give_credit(scheduler, "w", 2) == []  # it has its next batch already
    scheduler.add_answer("w", Refusal("a", 0, DropReason.MALFORMED), 0.0)
    assert give_credit(scheduler, "w", 2) == [("a", 2), ("b", 2)]


def test_idle_worker_is_served_before_a_busy_one() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("a", 0), 0.0)
    assert give_credit(scheduler, "busy", 1) == [("a", 0)]
    scheduler.set_batch_limit("busy", Stage.PREPROCESS, 1)
    scheduler.set_batch_limit("idle", Stage.PREPROCESS, 1)
    scheduler.add_frame(frame("b", 0), 0.0)
    assert [batch.worker for batch in scheduler.make_batches(0.0)[0]] == ["idle"]
    scheduler.add_frame(frame("c", 0), 0.0)
    assert [batch.worker for batch in scheduler.make_batches(0.0)[0]] == ["busy"]


def test_stale_frame_is_dropped_before_it_enters_a_batch() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("old", 0, at=0.0), 0.0)
    scheduler.add_frame(frame("new", 0, at=0.1), 0.1)
    scheduler.set_batch_limit("w", Stage.PREPROCESS, 1)
    batches, ended = scheduler.make_batches(0.2)
    assert [job.key for job in batches[0].jobs] == [("new", 0)]
    assert [(end.job.key, end.stage, end.outcome) for end in ended] == [(("old", 0), "preprocess", "stale")]


def test_camera_has_its_own_max_age() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for camera, max_age_s in (("patient", 0.5), ("usual", 0.0), ("hasty", 0.05)):
        scheduler.add_frame(replace(frame(camera, 0), max_age_s=max_age_s), 0.0)
    assert [end.job.frame.camera for end in scheduler.drop_stale_frames(0.1)] == ["hasty"]
    assert [end.job.frame.camera for end in scheduler.drop_stale_frames(0.2)] == ["usual"]
    assert [end.job.frame.camera for end in scheduler.drop_stale_frames(0.6)] == ["patient"]


def test_heavy_camera_has_more_turns_under_load() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    served: Counter[str] = Counter()
    for seq in range(40):
        for camera, weight in (("heavy", 3.0), ("light", 1.0)):
            scheduler.add_frame(replace(frame(camera, seq), weight=weight), 0.0)
        served.update(camera for camera, _ in give_credit(scheduler, "w", 1))
        scheduler.remove_worker("w")
    assert served == {"heavy": 30, "light": 10}


def test_frame_of_an_every_frame_camera_is_never_stale() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("file", 0, every_frame=True), 0.0)
    assert give_credit(scheduler, "w", 1, now=1e6) == [("file", 0)]


def test_credit_limits_the_frames_of_an_every_frame_camera_in_flight() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for seq in range(EVERY_FRAME_WINDOW):
        assert scheduler.every_frame_credit("file") == EVERY_FRAME_WINDOW - seq
        scheduler.add_frame(frame("file", seq, every_frame=True), 0.0)
    assert scheduler.every_frame_credit("file") == 0


def test_file_that_sends_far_more_than_it_was_let_is_refused() -> None:
    """Its frames are never dropped, so they would fill the memory."""
    scheduler = Scheduler(MAX_AGE_S)
    for seq in range(MAX_IN_FLIGHT):
        scheduler.add_frame(frame("file", seq, every_frame=True), 0.0)
    with pytest.raises(MalformedError, match="in flight"):
        scheduler.add_frame(frame("file", MAX_IN_FLIGHT, every_frame=True), 0.0)
    scheduler.add_frame(frame("other", 0, every_frame=True), 0.0)


@pytest.mark.parametrize("every_frame", [False, True])
def test_pictures_of_all_cameras_take_a_limited_memory(monkeypatch: pytest.MonkeyPatch, every_frame: bool) -> None:
    monkeypatch.setattr("services.queue.scheduler.MAX_HELD_BYTES", 10)
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.set_batch_limit("w", Stage.PREPROCESS, 9)
    for camera in "ab":
        scheduler.add_frame(frame(camera, 0, every_frame=every_frame), 0.0)  # four bytes each
    with pytest.raises(MalformedError, match="c sends more than the queue holds"):
        scheduler.add_frame(frame("c", 0, every_frame=every_frame), 0.0)
    scheduler.make_batches(0.0)
    scheduler.add_answer("w", Refusal("a", 0, DropReason.MALFORMED), 0.0)
    scheduler.add_frame(frame("c", 0, every_frame=every_frame), 0.0)
    for camera in "bc":
        scheduler.make_batches(0.0)
        scheduler.add_answer("w", Refusal(camera, 0, DropReason.MALFORMED), 0.0)
    assert scheduler.held_bytes == 0


def test_live_cameras_send_in_turn_as_many_frames_as_preprocess_takes_next() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.set_batch_limit("w", Stage.PREPROCESS, 2)
    for camera in "abc":
        scheduler.request_frame(camera)
    assert scheduler.take_frame_requests() == ["a", "b"]
    for camera in "ab":
        scheduler.add_frame(frame(camera, 0), 0.0)
    assert scheduler.take_frame_requests() == []  # two wait
    scheduler.make_batches(0.0)
    assert scheduler.take_frame_requests() == ["c", "a"]


def hand_over_gray_frames(scheduler: Scheduler) -> None:
    """Let inference take the waiting gray frames, and preprocess make those that inference takes next."""
    scheduler.set_batch_limit("preprocess", Stage.PREPROCESS, 2)
    scheduler.make_batches(0.0)
    for job in list(scheduler.workers["preprocess"].jobs.values()):
        scheduler.add_answer("preprocess", gray_frame(job), 0.0)


def test_cameras_send_no_more_than_a_busy_inference_takes_next() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.set_batch_limit("preprocess", Stage.PREPROCESS, 2)
    scheduler.set_batch_limit("inference", Stage.INFERENCE, 1)
    for camera in "abcd":
        scheduler.add_frame(frame(camera, 0), 0.0)
    for _ in "abc":
        hand_over_gray_frames(scheduler)
    assert list(scheduler.workers["inference"].jobs) == [("a", 0), ("b", 0)]  # a is being read, and b is at hand
    assert scheduler.waiting[Stage.INFERENCE].count_items("c")  # which inference takes next; d's frame waits
    assert scheduler.take_frame_requests() == []
    scheduler.set_batch_limit("other", Stage.INFERENCE, 1)  # idle
    assert scheduler.take_frame_requests() == ["a"]


def test_cameras_send_before_the_first_worker_is_there() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for camera in "abc":
        scheduler.request_frame(camera)
    assert scheduler.take_frame_requests() == ["a", "b", "c"]


def test_camera_is_asked_for_one_frame_at_a_time() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for camera in "aab":
        scheduler.request_frame(camera)
    scheduler.add_frame(frame("c", 0), 0.0)
    scheduler.request_frame("c")
    assert scheduler.take_frame_requests() == ["a", "b"]


def test_live_camera_may_send_again_when_its_frame_became_stale() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("a", 0), 0.0)
    scheduler.drop_stale_frames(MAX_AGE_S + 0.1)
    assert scheduler.take_frame_requests() == ["a"]


def test_heavy_camera_sends_more_often_under_load() -> None:
    scheduler, sent = Scheduler(MAX_AGE_S), Counter[str]()
    weights = {"heavy": 2.0, "light": 1.0, "other": 1.0}
    for camera in weights:
        scheduler.request_frame(camera)
    for seq in range(400):
        scheduler.set_batch_limit("w", Stage.PREPROCESS, 1)
        for camera in scheduler.take_frame_requests():
            sent[camera] += 1
            scheduler.add_frame(replace(frame(camera, seq), weight=weights[camera]), 0.0)
        for batch in scheduler.make_batches(0.0)[0]:
            scheduler.add_answer("w", Refusal(*batch.jobs[0].key, DropReason.MALFORMED), 0.0)
    assert sent["heavy"] == pytest.approx(200, abs=2)
    assert sent["light"] == pytest.approx(100, abs=2)


def test_frames_of_a_lost_worker_are_given_out_again_in_order() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    for seq in range(3):
        scheduler.add_frame(frame("file", seq, every_frame=True), 0.0)
    assert give_credit(scheduler, "w1", 2) == [("file", 0), ("file", 1)]
    assert scheduler.remove_worker("w1") == []
    # a frame that was lost with a worker goes alone to an idle worker
    assert [give_credit(scheduler, worker, 3) for worker in ("w2", "w3", "w4")] == [[("file", n)] for n in range(3)]


def test_live_frame_of_a_lost_worker_is_dropped_and_a_late_answer_changes_nothing() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("live", 0), 0.0)
    scheduler.set_batch_limit("w", Stage.PREPROCESS, 1)
    (batch,), _ = scheduler.make_batches(0.0)
    (end,) = scheduler.remove_worker("w")
    assert (end.stage, end.outcome) == ("preprocess", "worker lost")
    assert scheduler.add_answer("w", gray_frame(batch.jobs[0]), 4.0) == []
    assert not scheduler.waiting[Stage.INFERENCE]


def test_frame_that_ends_each_worker_is_dropped() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("file", 0, every_frame=True), 0.0)
    ended: list[EndedFrame] = []
    for attempt in range(MAX_ATTEMPTS):
        assert give_credit(scheduler, f"w{attempt}", 1) == [("file", 0)]
        ended += scheduler.remove_worker(f"w{attempt}")
    assert [end.outcome for end in ended] == ["worker lost"]
    assert not scheduler.in_flight


def test_frame_that_ends_each_worker_takes_no_other_frame_with_it() -> None:
    scheduler, lost = Scheduler(MAX_AGE_S), []
    for seq in range(6):
        scheduler.add_frame(frame("file", seq, every_frame=True), 0.0)
    for number in range(50):
        give_credit(scheduler, f"w{number}", 3)
        for name, worker in list(scheduler.workers.items()):
            if ("file", 2) in list(worker.jobs)[:3]:  # it ends the worker, which may hold its next batch too
                lost += [end.job.frame.seq for end in scheduler.remove_worker(name)]
            for key in list(worker.jobs)[:3] if name in scheduler.workers else ():
                scheduler.add_answer(name, Refusal(*key, DropReason.MALFORMED), 0.0)
    assert lost == [2]
    assert not scheduler.in_flight


def test_refused_frame_ends_with_the_workers_reason() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("live", 0), 0.0)
    give_credit(scheduler, "w", 1)
    (end,) = scheduler.add_answer("w", Refusal("live", 0, DropReason.MALFORMED), 0.0)
    assert (end.stage, end.outcome) == ("preprocess", "malformed")


@pytest.mark.parametrize("seq", [3, 2])
def test_frame_that_is_not_newer_is_malformed(seq: int) -> None:
    scheduler = Scheduler(MAX_AGE_S)
    scheduler.add_frame(frame("live", 3), 0.0)
    with pytest.raises(MalformedError):
        scheduler.add_frame(frame("live", seq), 0.0)


def test_unchanged_frame_ends_with_the_last_reading_and_its_own_time() -> None:
    scheduler = Scheduler(MAX_AGE_S, reread_s=1.0)
    for seq, at in enumerate((0.0, 0.6)):  # the second shows that the camera stands still
        scheduler.add_frame(frame("live", seq, at), at)
        read_waiting_frame(scheduler, at, b"" if seq else b"sketch")
    scheduler.add_frame(frame("live", 2, at=0.7), 0.7)
    scheduler.set_batch_limit("p", Stage.PREPROCESS, 1)
    (job,) = take_jobs(scheduler, 0.7)
    assert isinstance(job.message, Frame)
    assert (job.message.gate, job.message.sketch) == (Gate.SKIP, b"sketch")
    (end,) = scheduler.add_answer("p", Unchanged("live", 2), 0.0)
    assert (end.stage, end.outcome, end.reading) == (
        "preprocess",
        "unchanged",
        Reading(camera="live", seq=2, captured_at=0.7, width=2, height=1, digits=()),
    )
    assert not scheduler.in_flight


def test_camera_that_left_and_came_back_is_compared_with_nothing() -> None:
    scheduler = Scheduler(MAX_AGE_S, reread_s=1.0)
    for seq, at in enumerate((0.0, 0.6)):
        scheduler.add_frame(frame("live", seq, at), at)
        read_waiting_frame(scheduler, at, b"" if seq else b"sketch")
    scheduler.forget_camera("live")
    scheduler.add_frame(frame("live", 0, at=0.7), 0.7)
    scheduler.set_batch_limit("p", Stage.PREPROCESS, 1)
    (job,) = take_jobs(scheduler, 0.7)
    assert isinstance(job.message, Frame)
    assert (job.message.gate, job.message.sketch) == (Gate.COMPARE, b"")


def test_frames_that_will_be_skipped_take_no_place_of_others() -> None:
    scheduler = Scheduler(MAX_AGE_S, reread_s=1.0)
    for camera in "abc":
        for seq, at in enumerate((0.0, 0.6)):
            scheduler.add_frame(frame(camera, seq, at), at)
            read_waiting_frame(scheduler, at, b"" if seq else b"sketch")
    for camera in "abc":
        scheduler.add_frame(frame(camera, 2, 0.7), 0.7)
    scheduler.set_batch_limit("i", Stage.INFERENCE, 1)  # inference has room for one, and none of these will be read
    given = [key for worker in ("p", "p2") for key in give_credit(scheduler, worker, 1, 0.7)]
    assert given == [("a", 2), ("b", 2), ("c", 2)]


def take_jobs(scheduler: Scheduler, now: float) -> list[Job]:
    return [job for batch in scheduler.make_batches(now)[0] for job in batch.jobs]


def read_waiting_frame(scheduler: Scheduler, now: float, sketch: bytes, digits: tuple[Digit, ...] = ()) -> None:
    """Pass the waiting frame through both stages."""
    scheduler.set_batch_limit("p", Stage.PREPROCESS, 1)
    scheduler.set_batch_limit("i", Stage.INFERENCE, 1)
    (job,) = take_jobs(scheduler, now)
    scheduler.add_answer("p", replace(gray_frame(job), sketch=sketch), now)
    (job,) = take_jobs(scheduler, now)
    scheduler.add_answer("i", reading(job, digits), now)


def test_unchanged_answer_without_a_comparison_is_malformed() -> None:
    scheduler = Scheduler(MAX_AGE_S, reread_s=1.0)
    scheduler.add_frame(frame("live", 0), 0.0)
    assert give_credit(scheduler, "w", 1) == [("live", 0)]
    (end,) = scheduler.add_answer("w", Unchanged("live", 0), 0.0)
    assert (end.outcome, end.reading) == ("malformed", None)


def read_until_settled(scheduler: Scheduler, digits: tuple[Digit, ...], frames: int = 8) -> float:
    """Read frames of a camera at 30 frames/s; return when the next one is captured."""
    for seq in range(frames):
        scheduler.add_frame(frame("live", seq, at=seq / 30), seq / 30)
        read_waiting_frame(scheduler, seq / 30, b"", digits)
    return frames / 30


def test_followed_frame_ends_with_the_last_digits_where_they_are_now() -> None:
    scheduler = Scheduler(MAX_AGE_S, follow=True)
    at = read_until_settled(scheduler, (SEVEN,))
    scheduler.add_frame(frame("live", 8, at), at)
    (job,) = take_jobs(scheduler, at)
    assert isinstance(job.message, Frame)
    assert (job.message.gate, job.message.boxes) == (Gate.FOLLOW, (SEVEN.box,))
    assert not job.is_likely_to_be_read
    (end,) = scheduler.add_answer("p", Followed("live", 8, ((3.0, -2.5),)), at)
    assert (end.stage, end.outcome, end.reading) == (
        "preprocess",
        "followed",
        Reading(camera="live", seq=8, captured_at=at, width=2, height=1, digits=(SEVEN.moved((3.0, -2.5)),)),
    )
    assert not scheduler.in_flight


@pytest.mark.parametrize("waits", [False, True])
def test_while_cameras_wait_to_send_digits_are_followed_for_longer(waits: bool) -> None:
    scheduler = Scheduler(MAX_AGE_S, follow=True)
    at = read_until_settled(scheduler, (SEVEN,), frames=40) - 1 / 30 + LOOK_S
    if waits:
        scheduler.request_frame("other")
    assert scheduler.take_frame_requests() == ["live"]
    scheduler.add_frame(frame("live", 40, at), at)
    (job,) = take_jobs(scheduler, at)
    assert isinstance(job.message, Frame)
    assert job.message.gate is (Gate.FOLLOW if waits else Gate.OPEN)


@pytest.mark.parametrize("is_busy", [False, True])
def test_frame_goes_to_the_idle_worker_that_can_follow_it(is_busy: bool) -> None:
    scheduler = Scheduler(MAX_AGE_S, follow=True)
    scheduler.set_batch_limit("idle longer", Stage.PREPROCESS, 0)
    at = read_until_settled(scheduler, (SEVEN,))
    scheduler.set_batch_limit("i", Stage.INFERENCE, 2)
    if is_busy:
        scheduler.add_frame(frame("other", 0, at), at)
        take_jobs(scheduler, at)
    scheduler.set_batch_limit("idle longer", Stage.PREPROCESS, 1)
    scheduler.add_frame(frame("live", 8, at), at)
    ((worker, job),) = [(batch.worker, job) for batch in scheduler.make_batches(at)[0] for job in batch.jobs]
    assert isinstance(job.message, Frame)
    assert (worker, job.message.gate) == (("idle longer", "open") if is_busy else ("p", "follow"))


def test_camera_that_left_and_came_back_is_not_followed() -> None:
    scheduler = Scheduler(MAX_AGE_S, follow=True)
    at = read_until_settled(scheduler, (SEVEN,))
    scheduler.forget_camera("live")
    scheduler.add_frame(frame("live", 0, at), at)
    (job,) = take_jobs(scheduler, at)
    assert isinstance(job.message, Frame)
    assert (job.message.gate, job.message.boxes) == (Gate.OPEN, ())


def test_frame_that_cannot_be_followed_is_read() -> None:
    scheduler = Scheduler(MAX_AGE_S, follow=True)
    at = read_until_settled(scheduler, (SEVEN,))
    scheduler.add_frame(frame("live", 8, at), at)
    (job,) = take_jobs(scheduler, at)
    assert scheduler.add_answer("p", gray_frame(job), at) == []
    (job,) = take_jobs(scheduler, at)
    (end,) = scheduler.add_answer("i", reading(job), at)
    assert end.outcome == "read"


@pytest.mark.parametrize("moves", [(), ((0.0, 0.0), (0.0, 0.0))])
def test_followed_answer_with_another_number_of_digits_is_malformed(moves: tuple[Move, ...]) -> None:
    scheduler = Scheduler(MAX_AGE_S, follow=True)
    at = read_until_settled(scheduler, (SEVEN,))
    scheduler.add_frame(frame("live", 8, at), at)
    take_jobs(scheduler, at)
    (end,) = scheduler.add_answer("p", Followed("live", 8, moves), at)
    assert (end.outcome, end.reading) == ("malformed", None)


def test_followed_answer_that_was_not_asked_for_is_malformed() -> None:
    scheduler = Scheduler(MAX_AGE_S)
    at = read_until_settled(scheduler, (SEVEN,))
    scheduler.add_frame(frame("live", 8, at), at)
    take_jobs(scheduler, at)
    (end,) = scheduler.add_answer("p", Followed("live", 8, ((0.0, 0.0),)), at)
    assert (end.outcome, end.reading) == ("malformed", None)


def test_fair_queue_is_empty_after_everything_was_taken() -> None:
    queue: FairQueue[int] = FairQueue()
    for item in range(3):
        queue.add_item("file", item, keep_all=True)
    queue.add_item("live", 9)
    assert [queue.take_items(2), queue.take_items(9), queue.take_items(9)] == [[0, 9], [1, 2], []]
    assert len(queue) == 0


REACHED: set[Outcome] = set()  # how frames have ended in any run of the machine


class SchedulerMachine(RuleBasedStateMachine):
    """Cameras and workers act in random order; the invariants hold after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(MAX_AGE_S, reread_s=1.0, follow=True)
        self.now = 0.0
        self.seq = 0
        self.frames_in: Counter[str] = Counter()
        self.ended: list[EndedFrame] = []
        self.in_hand: list[tuple[str, str, Job]] = []  # stage, worker, job

    @rule(camera=st.sampled_from(["live", "live.2", "file", "file.2"]))
    def frame_arrives(self, camera: str) -> None:
        every_frame = camera.startswith("file")
        if not every_frame or self.scheduler.every_frame_credit(camera):
            self.seq += 1
            self.frames_in[camera] += 1
            self.ended += self.scheduler.add_frame(frame(camera, self.seq, self.now, every_frame), self.now)

    @rule(stage=st.sampled_from(WORKER_STAGES), number=st.integers(1, 2), goes_on=st.booleans())
    def worker_is_heard(self, stage: Stage, number: int, goes_on: bool) -> None:
        self.scheduler.set_batch_limit(f"{stage}.{number}", stage, 2 * number if goes_on else 0)
        self.batches_are_made()

    @rule()
    def batches_are_made(self) -> None:
        batches, ended = self.scheduler.make_batches(self.now)
        self.ended += ended
        for batch in batches:
            for job in batch.jobs:
                assert job.frame.every_frame or self.now - job.frame.captured_at <= MAX_AGE_S
                self.in_hand.append((batch.stage, batch.worker, replace(job)))

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), is_same=st.booleans())
    def worker_answers(self, data: st.DataObject, is_same: bool) -> None:
        self.answer(data.draw(st.integers(0, len(self.in_hand) - 1)), is_same=is_same)

    def answer(self, number: int, *, is_same: bool) -> None:
        stage, worker, job = self.in_hand.pop(number)
        answer: Answer = reading(job, (SEVEN,))
        if stage == "preprocess" and isinstance(job.message, Frame):
            gate = job.message.gate
            if gate == Gate.FOLLOW and is_same:
                answer = Followed(*job.key, ((1.0, 2.0),) * len(job.message.boxes))
            elif gate == Gate.SKIP and is_same and job.message.sketch:
                answer = Unchanged(*job.key)
            else:
                keeps = gate in {Gate.OPEN, Gate.FOLLOW} or (is_same and job.message.sketch)
                answer = replace(gray_frame(job), sketch=b"" if keeps else str(job.frame.seq).encode())
        self.ended += self.scheduler.add_answer(worker, answer, self.now)

    @rule(camera=st.sampled_from(["live", "live.2", "file"]), is_same=st.booleans())
    def all_works_for_a_while(self, camera: str, is_same: bool) -> None:
        """Ten frames go through at once, so that a camera settles: only then are its frames followed or skipped."""
        for _ in range(10):
            self.frame_arrives(camera)
            for stage in WORKER_STAGES:
                self.worker_is_heard(stage, 1, goes_on=True)
                while self.in_hand:
                    self.answer(0, is_same=is_same)
            self.now += 1 / 30

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), is_held=st.booleans())
    def worker_refuses(self, data: st.DataObject, is_held: bool) -> None:
        """A refusal of a frame that the worker does not hold changes nothing."""
        _, worker, job = self.in_hand[data.draw(st.integers(0, len(self.in_hand) - 1))]
        seq = job.frame.seq if is_held else -1
        self.ended += self.scheduler.add_answer(worker, Refusal(job.frame.camera, seq, DropReason.MALFORMED), self.now)

    @rule(camera=st.sampled_from(["live", "file"]))
    def camera_leaves(self, camera: str) -> None:
        self.scheduler.forget_camera(camera)

    @rule(camera=st.sampled_from(["live", "live.2"]))
    def camera_is_asked(self, camera: str) -> None:
        self.scheduler.request_frame(camera)
        requests = self.scheduler.take_frame_requests()
        assert len(set(requests)) == len(requests)

    @rule(stage=st.sampled_from(WORKER_STAGES), number=st.integers(1, 2))
    def worker_dies(self, stage: Stage, number: int) -> None:
        self.ended += self.scheduler.remove_worker(f"{stage}.{number}")

    @rule(seconds=st.sampled_from([0.01, 0.1, 1.0, 4.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def frames_in_are_readings_drops_and_frames_in_flight(self) -> None:
        done = Counter(end.job.frame.camera for end in self.ended)
        assert self.frames_in == done + Counter(self.scheduler.in_flight)

    @invariant()
    def each_frame_ends_once(self) -> None:
        assert len({end.job.key for end in self.ended}) == len(self.ended)
        REACHED.update(end.outcome for end in self.ended)

    @invariant()
    def one_frame_of_a_live_camera_waits_at_a_stage(self) -> None:
        for queue in self.scheduler.waiting.values():
            assert queue.count_items("live") <= 1
            assert queue.count_items("live.2") <= 1

    @invariant()
    def a_worker_has_no_more_than_two_batches(self) -> None:
        assert all(len(worker.jobs) <= 2 * 2 * int(name[-1]) for name, worker in self.scheduler.workers.items())

    @invariant()
    def each_reading_belongs_to_its_frame(self) -> None:
        assert all((end.reading is not None) == (end.outcome.has_digits) for end in self.ended)
        for job, answer in [(end.job, end.reading) for end in self.ended if end.reading]:
            assert (answer.camera, answer.seq, answer.captured_at) == (*job.key, job.frame.captured_at)

    @invariant()
    def no_frame_of_a_file_is_lost(self) -> None:
        ended = [end for end in self.ended if end.outcome not in {Outcome.READ, Outcome.MALFORMED}]
        lost = [end for end in ended if end.job.frame.every_frame]
        assert all(end.job.attempts >= MAX_ATTEMPTS for end in lost)

    @invariant()
    def frames_of_a_file_in_flight_fit_its_window(self) -> None:
        assert all(self.scheduler.in_flight.get(file, 0) <= EVERY_FRAME_WINDOW for file in ("file", "file.2"))


def test_invariants_hold_whatever_cameras_and_workers_do() -> None:
    """The same steps each time, since each way in which a frame can end must be among them."""
    REACHED.clear()
    steps = settings(max_examples=60, stateful_step_count=60, derandomize=True)
    run_state_machine_as_test(SchedulerMachine, settings=steps)
    by_the_queue = {
        Outcome.READ,
        Outcome.UNCHANGED,
        Outcome.FOLLOWED,
        Outcome.STALE,
        Outcome.REPLACED,
        Outcome.WORKER_LOST,
    }
    assert by_the_queue | {Outcome.MALFORMED} <= REACHED
