"""Writing between two digits is detected on light and dark paper, and on a tilted line."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.gap import is_gap_empty
from shared.vision.gray_frame import as_uint8
from shared.vision.recognizer import measure_gaps
from tests.shared.vision.reading import digit_of

LEFT: Box = (20, 40, 30, 50)
RIGHT: Box = (150, 40, 30, 50)

Mark = tuple[int, int, int, int]  # x, y, width, height


def paper(*marks: Mark, digits: tuple[Box, ...] = (LEFT, RIGHT)) -> NDArray[np.uint8]:
    """Return grainy light paper in uneven light, with a stroke for each digit, and marks."""
    rng = np.random.default_rng(5)
    gray = np.linspace(150, 220, 320, dtype=np.float32)[None] + rng.normal(0, 4, (130, 320))
    for x, y, width, height in (*[(int(b[0]) + 10, int(b[1]), 8, int(b[3])) for b in digits], *marks):
        gray[y : y + height, x : x + width] *= 0.35
    return as_uint8(np.clip(gray, 0, 255))


@pytest.mark.parametrize(
    ("mark", "is_empty"),
    [
        ((90, 60, 24, 5), False),  # a minus
        ((98, 45, 5, 40), False),  # a bar
        ((90, 2, 24, 5), True),  # something in the line above
        ((230, 60, 24, 5), True),  # beyond the next digit
        ((0, 70, 320, 2), True),  # a ruled line
    ],
)
def test_only_writing_between_the_digits_fills_the_gap(mark: Mark, is_empty: bool) -> None:
    gray = paper(mark)
    assert is_gap_empty(gray, LEFT, RIGHT) == is_empty
    assert is_gap_empty(as_uint8(255 - gray), LEFT, RIGHT) == is_empty


@pytest.mark.parametrize("angle", [-20, 20])
@pytest.mark.parametrize(("marks", "is_empty"), [((), True), (((98, 55, 6, 20),), False)])
def test_gap_on_a_tilted_line(angle: int, marks: tuple[Mark, ...], is_empty: bool) -> None:
    turn = cv2.getRotationMatrix2D((100, 65), angle, 1)
    gray = as_uint8(cv2.warpAffine(paper(*marks), turn, (320, 130), borderMode=cv2.BORDER_REPLICATE))
    left, right = (
        (x - 15, y - 25, 30.0, 50.0) for x, y in ((turn @ [b[0] + 15, b[1] + 25, 1]).tolist() for b in (LEFT, RIGHT))
    )
    assert is_gap_empty(gray, left, right) == is_empty


def test_boxes_beyond_the_edges_are_no_error() -> None:
    assert is_gap_empty(paper(), (-10, -5, 30, 50), (280, 100, 60, 50)) in (True, False)


@pytest.mark.parametrize(("marks", "gaps_px"), [((), [70, 70, 0]), (((78, 60, 12, 5),), [0, 70, 0])])
def test_gap_is_measured_up_to_the_next_digit_if_it_is_empty(marks: tuple[Mark, ...], gaps_px: list[float]) -> None:
    boxes: tuple[Box, ...] = ((20, 40, 30, 50), (120, 40, 30, 50), (220, 40, 30, 50))
    gray, digits = paper(*marks, digits=boxes), tuple(digit_of(7, box) for box in boxes)
    assert [digit.gap_px for digit in measure_gaps(gray, digits)] == pytest.approx(gaps_px)
    assert measure_gaps(gray, digits[:2]) == digits[:2]  # a single step can't be even
