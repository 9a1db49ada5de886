"""The display of a camera whose frames end out of order and whose clock may be set back."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from services.display.display_state import CameraDisplay, RateMeter
from shared.messaging.messages import NONE_PASSED, PassedOver, View
from shared.pipeline import Outcome
from shared.vision.digit import Digit

SEVEN = Digit((10.0, 10.0, 20.0, 30.0), tuple(math.log(0.99 if digit == 7 else 0.001) for digit in range(11)))
FRAME_S = 1 / 30


def view(number: int, outcome: Outcome = Outcome.READ) -> View:
    return View(
        camera="cam",
        seq=number,
        captured_at=100 + number * FRAME_S,
        outcome=outcome,
        width=640,
        height=480,
        digits=(SEVEN,) if outcome.has_digits else (),
        jpeg=b"jpeg",
    )


def test_older_picture_is_not_shown_after_a_newer_one() -> None:
    display = CameraDisplay()
    assert [bool(display.update(view(number))) for number in (0, 2, 1, 3)] == [True, True, False, True]


def test_reading_of_a_late_frame_counts() -> None:
    """Every frame that is read ends after a newer one that was replaced, as it does when inference is too slow."""
    display, shown = CameraDisplay(), None
    for number in range(0, 40, 2):
        shown = display.update(view(number + 1, Outcome.REPLACED))
        assert display.update(view(number)) is None
    assert shown
    assert [digit.digit for digit in shown.digits] == [7]
    assert shown.fps == pytest.approx(30, abs=2)
    assert shown.readings_per_s == pytest.approx(15, abs=2)


def test_late_reading_does_not_end_a_track_early() -> None:
    """Last seen in frame 30 it is held for 0.4 s, until frame 42."""
    display = CameraDisplay()
    for number in range(31):
        display.update(view(number))
    for number in (36, 31):
        display.update(replace(view(number), digits=()))
    shown = display.update(replace(view(40), digits=()))
    assert shown
    assert [digit.digit for digit in shown.digits] == [7]


def test_digits_stay_while_the_frame_is_unchanged() -> None:
    display = CameraDisplay()
    read = display.make_frame(view(0))
    kept = [display.make_frame(view(number, Outcome.UNCHANGED)) for number in range(1, 300)]
    assert {shown.digits for shown in kept} == {read.digits}
    assert [digit.digit for digit in read.digits] == [7]
    assert kept[-1].readings_per_s == pytest.approx(30, abs=1)


def test_reading_of_an_unchanged_frame_counts_once() -> None:
    """An unsure digit must not become a sure one through repetitions of one reading."""
    unsure = Digit(SEVEN.box, tuple(math.log({7: 0.5, 1: 0.3}.get(digit, 0.02)) for digit in range(11)))
    display = CameraDisplay()
    display.make_frame(replace(view(0), digits=(unsure,)))
    kept = [display.make_frame(replace(view(number, Outcome.UNCHANGED), digits=(unsure,))) for number in range(1, 60)]
    assert not any(shown.digits for shown in kept)


@pytest.mark.parametrize("outcome", [Outcome.UNCHANGED, Outcome.FOLLOWED])
def test_late_viewer_gets_the_digits_of_a_frame_that_was_not_read(outcome: Outcome) -> None:
    assert [digit.digit for digit in CameraDisplay().make_frame(view(0, outcome)).digits] == [7]


def test_boxes_glide_with_followed_digits_between_readings() -> None:
    """Each third frame is read; the sheet moves by four pixels a frame, which is more than jitter."""
    display, lefts = CameraDisplay(), []
    for number in range(30):
        moved = SEVEN.moved((4.0 * number, 0.0))
        outcome = Outcome.FOLLOWED if number % 3 else Outcome.READ
        lefts.append(display.make_frame(replace(view(number, outcome), digits=(moved,))).digits[0].box[0])
    assert [after - before for before, after in pairwise(lefts[3:])] == pytest.approx([4.0] * 26, abs=0.5)
    assert lefts[-1] == pytest.approx(SEVEN.box[0] + 4 * 29, abs=1)


def test_followed_frames_are_not_readings() -> None:
    display, unsure = (
        CameraDisplay(),
        Digit(SEVEN.box, tuple(math.log({7: 0.5, 1: 0.3}.get(i, 0.02)) for i in range(11))),
    )
    shown = [
        display.make_frame(replace(view(number, Outcome.FOLLOWED if number else Outcome.READ), digits=(unsure,)))
        for number in range(60)
    ]
    assert not any(frame.digits for frame in shown)
    assert shown[-1].readings_per_s == 0
    assert shown[-1].followed_per_s == pytest.approx(30, abs=1)


def test_reading_that_a_viewer_was_not_sent_counts_with_the_frame_that_was_followed_from_it() -> None:
    """A slow viewer is sent only the newest view: here never one that was read."""
    display = CameraDisplay()
    for number in range(2, 60, 3):
        confidence = 0.9 + number / 1000  # each reading is another
        eight = Digit(SEVEN.box, tuple(math.log(confidence if i == 8 else (1 - confidence) / 10) for i in range(11)))
        frame = display.make_frame(replace(view(number, Outcome.FOLLOWED), digits=(eight,)))
    assert [digit.digit for digit in frame.digits] == [8]
    assert frame.digits[0].confidence > 0.9


def test_reading_that_comes_after_a_newer_frame_was_followed_counts() -> None:
    display = CameraDisplay()
    one = Digit(SEVEN.box, tuple(math.log(0.99 if digit == 1 else 0.001) for digit in range(11)))
    for number in range(0, 30, 3):
        display.update(view(number))
    for number in range(30, 60, 3):  # the frame after it is followed from the reading before, and ends sooner
        display.update(replace(view(number + 1, Outcome.FOLLOWED), digits=(SEVEN if number == 30 else one,)))
        display.update(replace(view(number), digits=(one,)))
    shown = display.update(replace(view(61, Outcome.FOLLOWED), digits=(one,)))
    assert shown
    assert [digit.digit for digit in shown.digits] == [1]


def test_frame_after_the_clock_was_set_back_is_shown() -> None:
    display = CameraDisplay()
    display.update(view(300))
    assert display.update(view(0))
    assert display.update(view(1))


@pytest.mark.parametrize(
    ("times", "rate"),
    [((0.0, 0.5, 1.0, 1.5), 2.0), ((0.0, 1.0, 0.5, 1.5), 2.0), ((9.0, 0.0, 1.0), 1.0), ((5.0,), 0.0)],
    ids=["in order", "out of order", "set back", "once"],
)
def test_rate_counts_late_occurrences_too(times: tuple[float, ...], rate: float) -> None:
    counted = RateMeter()
    for at in times:
        counted.add(at)
    assert counted.per_second(times[-1]) == pytest.approx(rate)


def test_rates_count_the_frames_that_a_viewer_was_not_sent() -> None:
    display = CameraDisplay()
    for number in range(0, 90, 3):
        passed_over = PassedOver(frames=2, read=0, followed=2)
        shown = display.make_frame(replace(view(number), passed_over=passed_over if number else NONE_PASSED))
    assert (shown.fps, shown.readings_per_s, shown.followed_per_s) == pytest.approx((30, 10, 20), rel=0.02)
