"""Desks: lines, fractions, tables and outlines lie where they should, and their boxes say so."""

import numpy as np
import pytest

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.desk import OUTLINES, Desk, Style, enclose_areas, lay_fraction, lay_line, lay_table, make_enclosure
from training.scenes.fields import make_line_field, trim_mask
from training.scenes.glyphs import Glyph
from training.scenes.pens import Pen
from training.scenes.strokes import DIGITS, rasterise_strokes

RIGHT = np.array([1.0, 0.0])
STYLE = Style(20, np.eye(2, dtype=np.float32), Pen(0.08, 0, 0, 0), 0.2)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def desk() -> Desk:
    return Desk(np.full((160, 160), 200, np.float32), np.zeros((160, 160), np.bool_), is_dark=False)


def glyph(label: int, rise: float = 0.0) -> Glyph:
    return Glyph(make_line_field(trim_mask(rasterise_strokes(DIGITS[label][0]))), is_line=True, label=label, rise=rise)


def middles(desk: Desk) -> np.ndarray:
    boxes = np.array(desk.boxes)
    return boxes[:, :2] + boxes[:, 2:] / 2


def test_a_line_runs_from_left_to_right_at_one_height(rng: np.random.Generator, desk: Desk) -> None:
    lay_line(rng, desk, [glyph(4), glyph(0), glyph(7)], STYLE, np.array([20.0, 80.0]), RIGHT, 4)
    assert desk.labels == [4, 0, 7]
    assert (np.diff(middles(desk)[:, 0]) > 8).all()
    assert np.abs(middles(desk)[:, 1] - 80).max() < 4


def test_a_raised_glyph_stands_higher(rng: np.random.Generator, desk: Desk) -> None:
    lay_line(rng, desk, [glyph(4), glyph(2, rise=0.5)], STYLE, np.array([20.0, 80.0]), RIGHT, 4)
    low, high = middles(desk)[:, 1]
    assert low - high == pytest.approx(10, abs=4)


def test_digits_may_touch_within_a_line_but_not_across_lines(rng: np.random.Generator, desk: Desk) -> None:
    desk.occupy(lay_line(rng, desk, [glyph(0), glyph(0)], STYLE, np.array([60.0, 80.0]), RIGHT, -5))
    assert desk.labels == [0, 0]
    lay_line(rng, desk, [glyph(8)], STYLE, np.array([60.0, 80.0]), RIGHT, 0)
    assert desk.labels == [0, 0]


def test_a_fraction_has_one_line_above_its_bar_and_one_below(rng: np.random.Generator, desk: Desk) -> None:
    lay_fraction(rng, desk, [glyph(3), glyph(4)], [glyph(2)], STYLE, np.array([80.0, 80.0]), RIGHT)
    assert desk.labels == [NOT_A_DIGIT, 3, 4, 2]
    bar, *above, below = middles(desk)[:, 1]
    assert max(above) < bar < below


@pytest.mark.parametrize("kind", OUTLINES)
def test_outlines_lie_around_what_they_enclose(kind: str, rng: np.random.Generator) -> None:
    points = np.array([point for stroke in make_enclosure(rng, kind) for point in stroke])
    assert np.abs(points).max() >= 0.9
    assert np.abs(points).max(axis=1).min() >= 0.5


def test_what_is_enclosed_keeps_its_box_and_the_outline_is_no_digit(rng: np.random.Generator, desk: Desk) -> None:
    areas = lay_line(rng, desk, [glyph(5)], STYLE, np.array([70.0, 80.0]), RIGHT, 0)
    enclose_areas(rng, desk, areas, STYLE, RIGHT)
    inner, outer = desk.boxes
    assert desk.labels == [5, NOT_A_DIGIT]
    assert outer[2] > inner[2]
    assert np.abs(np.diff(middles(desk)[:, 0])) < 6


def test_each_cell_of_a_table_has_its_digit_in_its_middle(rng: np.random.Generator, desk: Desk) -> None:
    cells = [[[glyph(1)], [glyph(2)]], [[glyph(3)], [glyph(4)]]]
    lay_table(rng, desk, cells, STYLE, np.array([30.0, 30.0]), RIGHT, (40, 36))
    assert desk.labels == [NOT_A_DIGIT, 1, 2, 3, 4]
    wanted = [[50, 48], [90, 48], [50, 84], [90, 84]]
    assert np.abs(middles(desk)[1:] - wanted).max() < 8
