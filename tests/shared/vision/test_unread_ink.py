"""A character between two digits that was not read is noticed; what else may lie there is not taken for one."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.gray_frame import as_uint8
from shared.vision.numbers import join_numbers
from shared.vision.recognizer import measure_gaps
from shared.vision.unread_ink import find_ink_at, find_missing_character
from tests.shared.vision.reading import digit_of

Canvas = NDArray[np.float32]  # how much ink lies on the paper, 0 to 1
Draw = Callable[[Canvas], object]

LEFT: Box = (40, 60, 34, 60)
RIGHT: Box = (134, 60, 34, 60)  # 60 px away: as tall as the digits
MIDDLE = 104


def line(start: tuple[int, int], end: tuple[int, int], pen_px: int = 5, ink: float = 0.8) -> Draw:
    return lambda canvas: cv2.line(canvas, start, end, ink, pen_px, cv2.LINE_AA)


def circle(centre: tuple[int, int], radius: int) -> Draw:
    return lambda canvas: cv2.circle(canvas, centre, radius, 0.8, 5, cv2.LINE_AA)


def both(*parts: Draw) -> Draw:
    return lambda canvas: [part(canvas) for part in parts]


def paper(*marks: Draw) -> NDArray[np.uint8]:
    """Return grainy paper in uneven light, with a 0 in each of the two boxes, and marks."""
    canvas = np.zeros((180, 220), np.float32)
    for x, y, width, height in (LEFT, RIGHT):
        middle, axes = (int(x + width / 2), int(y + height / 2)), (int(width / 2) - 3, int(height / 2) - 3)
        cv2.ellipse(canvas, middle, axes, 0, 0, 360, 0.8, 5, cv2.LINE_AA)
    for mark in marks:
        mark(canvas)
    grain = np.random.default_rng(3).normal(0, 3, canvas.shape)
    return as_uint8(np.clip(np.linspace(190, 230, 220)[None] * (1 - canvas) + grain, 0, 255))


CHARACTERS = {
    "a bare stroke": line((MIDDLE, 62), (MIDDLE, 118)),
    "a thin one that leans": line((MIDDLE + 8, 62), (MIDDLE - 8, 118), 2),
    "a short one": line((MIDDLE, 72), (MIDDLE, 108)),
    "a scribble": circle((MIDDLE, 88), 20),
    "one above the line, as on a sheet that is rotated": line((MIDDLE, 45), (MIDDLE, 95)),
}
OTHERS = {
    "nothing": both(),
    "a decimal point": circle((MIDDLE, 116), 2),
    "a comma": line((MIDDLE, 110), (MIDDLE - 4, 126)),
    "a minus": line((MIDDLE - 12, 90), (MIDDLE + 12, 90)),
    "a ruled line": line((0, 121), (220, 121), 2),
    "the wall of a box in a form": both(
        line((MIDDLE, 45), (MIDDLE, 135), 2), line((0, 45), (220, 45), 2), line((0, 135), (220, 135), 2)
    ),
    "a grid line": line((MIDDLE, 0), (MIDDLE, 180), 2),
    "a pale grid": both(line((MIDDLE, 40), (MIDDLE, 140), 2, 0.2), line((0, 90), (220, 90), 2, 0.2)),
    "a long tail of the left digit": line((70, 100), (MIDDLE, 118)),
    "a stroke in the line above": line((MIDDLE, 2), (MIDDLE, 38)),
    "a shadow": lambda canvas: np.add(canvas, 0.3 * (np.arange(220) > MIDDLE), out=canvas),
}


@pytest.mark.parametrize("mark", CHARACTERS.values(), ids=CHARACTERS)
def test_character_between_two_digits_is_noticed_where_it_is(mark: Draw) -> None:
    gray = paper(mark)
    for picture in (gray, as_uint8(255 - gray)):
        assert find_missing_character(picture, LEFT, RIGHT) == pytest.approx(MIDDLE - 74, abs=3)


@pytest.mark.parametrize("mark", OTHERS.values(), ids=OTHERS)
def test_what_is_no_character_is_not_noticed(mark: Draw) -> None:
    gray = paper(mark)
    for picture in (gray, as_uint8(255 - gray)):
        assert find_missing_character(picture, LEFT, RIGHT) is None


@pytest.mark.parametrize("factor", [0.25, 0.5, 2, 5])
def test_digits_of_any_size_are_examined(factor: float) -> None:
    gray = as_uint8(cv2.resize(paper(CHARACTERS["a bare stroke"]), None, fx=factor, fy=factor, interpolation=3))
    left, right = (tuple(factor * side for side in box) for box in (LEFT, RIGHT))
    found = find_missing_character(gray, left, right)  # type: ignore[arg-type]
    assert found == pytest.approx(factor * (MIDDLE - 74), abs=max(2, 3 * factor))


@pytest.mark.parametrize(
    ("left", "right"),
    [((-10, -5, 30, 50), (40, 170, 30, 50)), ((300, 60, 30, 50), (350, 60, 30, 50)), ((0, 0, 0, 0), (9, 0, 0, 0))],
)
def test_boxes_beyond_the_edges_are_no_error(left: Box, right: Box) -> None:
    assert find_missing_character(paper(), left, right) is None


def test_number_shows_the_place_of_a_character_that_was_not_read() -> None:
    gray, digits = paper(CHARACTERS["a bare stroke"]), (digit_of(2, LEFT), digit_of(7, RIGHT))
    [number] = join_numbers(measure_gaps(gray, digits))
    assert number.text == "2?7"
    assert number.unread == ((74, 60, 60, 60),)
    [number] = join_numbers(measure_gaps(paper(), digits))
    assert (number.text, number.unread) == ("27", ())


@pytest.mark.parametrize("place", [(104, 90), (111, 90), (96, 63)])
def test_ink_at_a_place_is_found_whole(place: tuple[int, int]) -> None:
    gray = paper(CHARACTERS["a bare stroke"])
    for picture in (gray, as_uint8(255 - gray)):
        box = find_ink_at(picture, *place)
        assert box == pytest.approx((101, 59, 7, 63), abs=3)


@pytest.mark.parametrize("place", [(20, 20), (190, 160), (-5, -5), (900, 900)])
def test_bare_paper_holds_no_ink(place: tuple[int, int]) -> None:
    assert find_ink_at(paper(CHARACTERS["a bare stroke"]), *place) is None
