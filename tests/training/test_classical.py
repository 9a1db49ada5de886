"""Thresholding finds clean ink, leaves out what can't be a digit, and does not fail on odd pages."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.classical import MOST_BOXES, find_ink, join_broken

PAPER = 210


def blank(height: int = 480, width: int = 640) -> NDArray[np.uint8]:
    return np.full((height, width), PAPER, np.uint8)


def write(page: NDArray[np.uint8], text: str, place: tuple[int, int], ink: int = 40) -> NDArray[np.uint8]:
    """Write with OpenCV's stroke font, each character about 60 px tall."""
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 3, ink, 5, cv2.LINE_AA)
    return page


def test_each_digit_of_a_line_is_found_once() -> None:
    boxes = sorted(find_ink(write(blank(), "2357", (150, 280))))
    assert len(boxes) == 4
    lefts = [x for x, *_ in boxes]
    assert all(right - left > 40 for left, right in pairwise(lefts))


def test_box_fits_the_ink() -> None:
    page = blank()
    cv2.rectangle(page, (300, 200), (340, 280), 30, 6)
    ((x, y, w, h),) = find_ink(page)
    assert (x, y, x + w, y + h) == pytest.approx((297, 197, 344, 284), abs=3)


def test_chalk_on_a_blackboard_is_found() -> None:
    page = np.full((480, 640), 40, np.uint8)
    assert len(find_ink(write(page, "25", (200, 280), ink=230))) == 2


def test_shadow_across_the_page_hides_nothing() -> None:
    page = write(blank(), "2357", (150, 280)) * np.linspace(0.4, 1.0, 640)[None]
    assert len(find_ink(page.astype(np.uint8))) == 4


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda page: None, id="nothing"),
        pytest.param(lambda page: cv2.line(page, (20, 240), (620, 240), 40, 3), id="a ruled line"),
        pytest.param(lambda page: cv2.circle(page, (300, 200), 2, 40, -1), id="a speck"),
        pytest.param(lambda page: cv2.rectangle(page, (20, 20), (620, 460), 40, 3), id="a frame"),
        pytest.param(lambda page: write(page, "8", (-20, 280)), id="a digit cut by the edge"),
    ],
)
def test_what_cannot_be_a_digit_is_left_out(draw: object) -> None:
    page = blank()
    assert callable(draw)
    draw(page)
    assert find_ink(page) == []


def test_digit_within_a_frame_is_found() -> None:
    page = write(blank(), "5", (300, 260))
    cv2.rectangle(page, (150, 100), (550, 400), 40, 3)
    assert len(find_ink(page)) == 1


def test_loose_bar_joins_its_digit_and_a_neighbour_does_not() -> None:
    body = [100, 100, 40, 60, 900]
    bar, neighbour = [104, 90, 36, 6, 200], [180, 130, 20, 20, 200]
    joined = join_broken(np.array([body], np.int32), np.array([bar, neighbour], np.int32))
    assert joined.tolist() == [[100, 90, 40, 70, 1100]]


def test_number_of_candidates_is_bounded() -> None:
    page = blank(1600, 1600)
    for row in range(40):
        for column in range(40):
            cv2.rectangle(page, (column * 40 + 5, row * 40 + 5), (column * 40 + 25, row * 40 + 34), 40, 4)
    assert len(find_ink(page)) == MOST_BOXES


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (480, 1), (2, 2), (7, 9)])
def test_tiny_pages_are_sound(shape: tuple[int, int]) -> None:
    for brightness in (0, 90, 255):
        assert find_ink(np.full(shape, brightness, np.uint8)) == []
