"""Which frames a viewer is sent of the cameras that it selected, and of the others."""

import pytest

from services.queue.scheduler import EndedFrame, Job
from services.queue.view_fanout import ViewFanout
from shared.messaging.messages import Frame, PassedOver, Selection, View
from shared.pipeline import Outcome, Stage

FPS = 30


@pytest.fixture
def fanout() -> ViewFanout:
    fanout = ViewFanout()
    fanout.set_credit("wall", 100, with_jpeg=True)
    return fanout


def ended(number: int, outcome: Outcome = Outcome.READ, *, every_frame: bool = False) -> EndedFrame:
    frame = Frame(camera="door", seq=number, captured_at=number / FPS, every_frame=every_frame, jpeg=b"jpeg")
    return EndedFrame(Job(frame, frame, 0.0), Stage.INFERENCE, outcome)


def play(fanout: ViewFanout, *frames: EndedFrame) -> list[View]:
    views = []
    for frame in frames:
        fanout.add_ended_frame(frame)
        views += [view for _, found in fanout.take_views() for view in found]
    return views


def test_selected_camera_comes_with_every_frame_and_picture(fanout: ViewFanout) -> None:
    fanout.set_selection("wall", Selection(pictures=("door",), cameras=(), interval_s=0.1))
    views = play(fanout, *map(ended, range(30)))
    assert [(view.seq, view.jpeg, view.passed_over) for view in views] == [(n, b"jpeg", (0, 0, 0)) for n in range(30)]


def test_camera_whose_readings_are_followed_comes_without_pictures(fanout: ViewFanout) -> None:
    fanout.set_selection("wall", Selection(pictures=("gate",), cameras=("door",), interval_s=0.1))
    views = play(fanout, *map(ended, range(30)))
    assert [(view.seq, view.jpeg) for view in views] == [(number, b"") for number in range(30)]


def test_other_camera_comes_seldom_and_with_the_count_of_what_was_passed_over(fanout: ViewFanout) -> None:
    fanout.set_selection("wall", Selection(pictures=("gate",), cameras=(), interval_s=0.1))
    frames = [ended(number, Outcome.FOLLOWED if number % 3 else Outcome.READ) for number in range(91)]  # of 3 s
    views = play(fanout, *frames)
    assert len(views) == pytest.approx(30, abs=1)
    assert {view.jpeg for view in views} == {b""}
    last = frames.index(next(frame for frame in frames if frame.job.frame.seq == views[-1].seq))
    assert len(views) + sum(view.passed_over.frames for view in views) == last + 1
    shown = [view.outcome for view in views]
    for outcome, passed in (
        (Outcome.READ, sum(view.passed_over.read for view in views)),
        (Outcome.FOLLOWED, sum(view.passed_over.followed for view in views)),
    ):
        assert shown.count(outcome) + passed == sum(frame.outcome is outcome for frame in frames[: last + 1])


def test_reading_that_ends_after_newer_frames_were_dropped_is_shown(fanout: ViewFanout) -> None:
    """As under load: every frame that is read ends after a newer one was replaced."""
    fanout.set_selection("wall", Selection(pictures=(), cameras=(), interval_s=0.1))
    pairs = [(ended(number + 1, Outcome.REPLACED), ended(number)) for number in range(0, 30, 2)]
    views = play(fanout, *(frame for pair in pairs for frame in pair))
    assert sum(view.outcome is Outcome.READ for view in views) >= 6
    assert sum(view.outcome is Outcome.REPLACED for view in views) == 1


def test_every_frame_of_a_file_is_shown_whatever_is_selected(fanout: ViewFanout) -> None:
    fanout.set_selection("wall", Selection(pictures=(), cameras=(), interval_s=3600.0))
    views = play(fanout, *(ended(number, every_frame=True) for number in range(9)))
    assert [view.seq for view in views] == list(range(9))


def test_view_that_waited_in_vain_is_counted_as_passed_over(fanout: ViewFanout) -> None:
    fanout.set_credit("wall", 0, with_jpeg=False)
    assert play(fanout, *map(ended, range(4))) == []
    fanout.set_credit("wall", 1, with_jpeg=False)
    (view,) = play(fanout) or [view for _, found in fanout.take_views() for view in found]
    assert (view.seq, view.passed_over) == (3, PassedOver(frames=3, read=3, followed=0))


def test_jpegs_are_kept_only_of_cameras_that_a_viewer_shows(fanout: ViewFanout) -> None:
    fanout.set_selection("wall", Selection(pictures=("door",), cameras=None))
    assert (fanout.want_jpeg("door"), fanout.want_jpeg("gate")) == (True, False)
    fanout.set_credit("window", 8, with_jpeg=True)
    assert fanout.want_jpeg("gate")


def test_clock_that_is_set_back_hides_no_camera(fanout: ViewFanout) -> None:
    fanout.set_selection("wall", Selection(pictures=(), cameras=(), interval_s=0.1))
    assert [view.seq for view in play(fanout, ended(9000), ended(3))] == [9000, 3]
