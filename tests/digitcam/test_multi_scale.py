"""A still picture is read at several sizes: what most of them show is said, in pixels of the picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from digitcam.multi_scale import SCALES, UNSEEN_LOG_ODDS, average, group_digits, measure_odds, read_at_scales
from shared.vision.digit import Box, Digit
from shared.vision.fusion import Calibration
from shared.vision.recognizer import FrameRecognizer
from tests.shared.vision.drawings import FakeNetwork
from tests.shared.vision.reading import digit_of

BOX: Box = (20, 10, 30, 40)
ELSEWHERE: Box = (70, 10, 30, 40)
AS_IS = Calibration()


def digit_at(box: Box, number: int, odds: float) -> Digit:
    """Return a digit of these log-odds; its class is sure."""
    classes = np.full(10, -20.0)
    classes[number] = 0
    return Digit(box, (*(classes - np.logaddexp(0, -odds)).tolist(), -float(np.logaddexp(0, odds))))


@dataclass(frozen=True, slots=True)
class Sizes(FrameRecognizer):
    """Shows one digit in frames of some sizes only, at the same place of the picture; notes the frames it is given."""

    digits: dict[int, Digit] = field(default_factory=dict)  # by the frame's width, boxes in pixels of the picture
    side_px: int = 100
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def read(self, grays: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        self.shapes.extend(gray.shape for gray in grays)
        shown = [(self.digits.get(gray.shape[1]), gray.shape[1] / self.side_px) for gray in grays]
        return [
            (digit.scaled(scale),) if digit and digit.log_p[digit.digit] > self.min_log_p else ()
            for digit, scale in shown
        ]


def make_sizes(side_px: int = 100, **digits: Digit) -> Sizes:
    network = FakeNetwork([])
    return Sizes(network, network, digits={int(width[1:]): digit for width, digit in digits.items()}, side_px=side_px)


def paper(side_px: int = 100) -> NDArray[np.uint8]:
    return np.full((side_px, side_px), 230, np.uint8)


def test_small_picture_is_read_larger_too_and_a_large_one_at_no_more_than_the_largest_size() -> None:
    for side_px, widths in ((100, [100, 75, 141]), (4000, [640, 480, 905])):
        recognizer = make_sizes()
        read_at_scales(recognizer, paper(side_px))
        assert [shape[1] for shape in recognizer.shapes] == widths


def test_what_two_of_three_sizes_show_is_said_in_pixels_of_the_picture() -> None:
    recognizer = make_sizes(w100=digit_at(BOX, 7, 5), w75=digit_at(BOX, 7, 4))
    (digit,) = read_at_scales(recognizer, paper())
    assert digit.digit == 7
    assert digit.box == pytest.approx(BOX)


def test_what_one_size_hardly_shows_and_the_others_do_not_is_not_said() -> None:
    assert read_at_scales(make_sizes(w141=digit_at(BOX, 7, 2)), paper()) == ()


def test_what_all_sizes_doubt_is_unsaid_and_one_that_is_sure_outweighs_two_that_doubt() -> None:
    doubtful, as_they_are = digit_at(BOX, 7, -1), Calibration()
    assert read_at_scales(make_sizes(w100=doubtful, w75=doubtful, w141=doubtful), paper(), as_they_are) == ()
    sure = digit_at(BOX, 7, 3)
    (digit,) = read_at_scales(make_sizes(w100=doubtful, w75=doubtful, w141=sure), paper(), as_they_are)
    assert 0.5 < digit.confidence < sure.confidence


def test_digits_at_two_places_are_two_and_the_surest_box_is_kept() -> None:
    near = (22.0, 10.0, 30.0, 40.0)
    groups = group_digits([[digit_at(BOX, 7, 1), digit_at(ELSEWHERE, 4, 3)], [digit_at(near, 7, 2)]])
    assert [[(index, digit.box) for index, digit in group.items()] for group in groups] == [
        [(0, ELSEWHERE)],
        [(1, near), (0, BOX)],
    ]


def test_second_candidate_of_one_size_at_a_place_does_not_count() -> None:
    (group,) = group_digits([[digit_at(BOX, 7, 3), digit_at((24, 10, 30, 40), 1, 2)]])
    assert [digit.digit for digit in group.values()] == [7]


def test_log_odds_are_the_mean_and_a_size_without_the_digit_counts_against_it() -> None:
    digit = average({0: digit_at(BOX, 7, 5), 2: digit_at(BOX, 7, 3)}, AS_IS)
    assert measure_odds(digit) == pytest.approx((5 + 3 + UNSEEN_LOG_ODDS * (len(SCALES) - 2)) / len(SCALES))
    assert sum(map(math.exp, digit.log_p)) == pytest.approx(1)


def test_class_is_the_one_that_most_evidence_is_for() -> None:
    unsure = digit_of(9, confidence=0.4)
    digit = average({0: unsure, 1: digit_at(BOX, 4, 4), 2: unsure}, AS_IS)
    assert digit.digit == 4


def test_calibration_is_applied_to_the_mean() -> None:
    seen = dict.fromkeys(range(len(SCALES)), digit_at(BOX, 7, 2))
    assert measure_odds(average(seen, Calibration(slope=2, offset=-1))) == pytest.approx(3)
