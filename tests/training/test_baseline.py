"""The baseline finds clean ink, leaves out what can't be a digit, and classifies all crops at once."""

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from tests.shared.vision.drawings import FakeNetwork, draw_digits
from training.baseline import MAX_BOXES, ClassicalRecognizer, find_ink, join_pieces

PAPER = 210


def test_all_crops_of_all_frames_go_through_the_network_in_one_batch() -> None:
    network = FakeNetwork([20.0] + [0.0] * 9)
    result = ClassicalRecognizer(network).read([draw_digits([0] * 10), draw_digits([1] * 10)])
    assert network.batches == [(20, 1, 28, 28)]
    assert [len(digits) for digits in result] == [10, 10]


@pytest.mark.parametrize("grays", [[], [np.full((480, 640), 220, np.uint8)] * 2, [np.zeros((1, 1), np.uint8)]])
def test_blank_frames_have_no_digits_and_do_not_run_the_network(grays: list[NDArray[np.uint8]]) -> None:
    network = FakeNetwork([0.0] * 10)
    assert ClassicalRecognizer(network).read(grays) == [()] * len(grays)
    assert network.batches == []


def test_weak_logits_are_no_digit() -> None:
    assert ClassicalRecognizer(FakeNetwork([3.0] + [0.0] * 9)).read([draw_digits([0] * 10)]) == [()]


def test_evidence_is_eleven_probabilities_that_sum_to_one() -> None:
    (digits,) = ClassicalRecognizer(FakeNetwork([9.0, 8.0] + [0.0] * 8)).read([draw_digits([0] * 10)])
    assert len(digits) == 10
    for digit in digits:
        assert len(digit.log_p) == NOT_A_DIGIT + 1
        assert math.fsum(map(math.exp, digit.log_p)) == pytest.approx(1)
        assert digit.confidence < 0.73  # the second best is only one logit behind: 0.731 without "not a digit"


def blank(height: int = 480, width: int = 640) -> NDArray[np.uint8]:
    return np.full((height, width), PAPER, np.uint8)


def write(gray: NDArray[np.uint8], text: str, place: tuple[int, int], ink: int = 40) -> NDArray[np.uint8]:
    """Write with OpenCV's stroke font, each character about 60 px tall."""
    cv2.putText(gray, text, place, cv2.FONT_HERSHEY_SIMPLEX, 3, ink, 5, cv2.LINE_AA)
    return gray


def test_each_digit_of_a_line_is_found_once() -> None:
    boxes = sorted(find_ink(write(blank(), "2357", (150, 280))))
    assert len(boxes) == 4
    lefts = [x for x, *_ in boxes]
    assert all(right - left > 40 for left, right in pairwise(lefts))


def test_box_fits_the_ink() -> None:
    gray = blank()
    cv2.rectangle(gray, (300, 200), (340, 280), 30, 6)
    ((x, y, w, h),) = find_ink(gray)
    assert (x, y, x + w, y + h) == pytest.approx((297, 197, 344, 284), abs=3)


def test_chalk_on_a_blackboard_is_found() -> None:
    gray = np.full((480, 640), 40, np.uint8)
    assert len(find_ink(write(gray, "25", (200, 280), ink=230))) == 2


def test_shadow_hides_nothing() -> None:
    gray = write(blank(), "2357", (150, 280)) * np.linspace(0.4, 1.0, 640)[None]
    assert len(find_ink(gray.astype(np.uint8))) == 4


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda gray: None, id="nothing"),
        pytest.param(lambda gray: cv2.line(gray, (20, 240), (620, 240), 40, 3), id="a ruled line"),
        pytest.param(lambda gray: cv2.circle(gray, (300, 200), 2, 40, -1), id="a speck"),
        pytest.param(lambda gray: cv2.rectangle(gray, (20, 20), (620, 460), 40, 3), id="a frame"),
        pytest.param(lambda gray: write(gray, "8", (-20, 280)), id="a digit cut by the edge"),
    ],
)
def test_what_cannot_be_a_digit_is_left_out(draw: object) -> None:
    gray = blank()
    assert callable(draw)
    draw(gray)
    assert find_ink(gray) == []


def test_digit_within_a_frame_is_found() -> None:
    gray = write(blank(), "5", (300, 260))
    cv2.rectangle(gray, (150, 100), (550, 400), 40, 3)
    assert len(find_ink(gray)) == 1


def test_loose_bar_joins_its_digit_and_a_neighbour_does_not() -> None:
    body = [100, 100, 40, 60, 900]
    bar, neighbour = [104, 90, 36, 6, 200], [180, 130, 20, 20, 200]
    joined = join_pieces(np.array([body], np.int32), np.array([bar, neighbour], np.int32))
    assert joined.tolist() == [[100, 90, 40, 70, 1100]]


def test_number_of_candidates_is_bounded() -> None:
    gray = blank(1600, 1600)
    for row in range(40):
        for column in range(40):
            cv2.rectangle(gray, (column * 40 + 5, row * 40 + 5), (column * 40 + 25, row * 40 + 34), 40, 4)
    assert len(find_ink(gray)) == MAX_BOXES


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (480, 1), (2, 2), (7, 9)])
def test_tiny_frames_are_read(shape: tuple[int, int]) -> None:
    for brightness in (0, 90, 255):
        assert find_ink(np.full(shape, brightness, np.uint8)) == []
