"""Lines: what people write, from left to right, each glyph with a label that is true."""

import numpy as np
import pytest

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.equations import make_equation
from training.scenes.glyphs import Sources
from training.scenes.lines import (
    KINDS,
    choose_line,
    make_decimal,
    make_label,
    make_letters,
    make_number,
    make_row,
    make_sum,
    make_text,
    make_words,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_kinds_are_all_that_comes() -> None:
    assert sum(KINDS.values()) == pytest.approx(1)


def test_numbers_have_one_to_eight_digits_and_nothing_else(rng: np.random.Generator, sources: Sources) -> None:
    for line in (make_number(rng, sources) for _ in range(50)):
        assert 1 <= len(line) <= 8
        assert all(0 <= glyph.label < NOT_A_DIGIT for glyph in line)


def test_calculations_have_digits_and_signs(rng: np.random.Generator, sources: Sources) -> None:
    for line in (make_sum(rng, sources) for _ in range(20)):
        is_sign = [glyph.label == NOT_A_DIGIT for glyph in line]
        assert any(is_sign)
        assert not all(is_sign)


def test_words_and_single_letters_hold_no_digits(rng: np.random.Generator, sources: Sources) -> None:
    for _ in range(50):
        assert {glyph.label for glyph in make_words(rng, sources) + make_letters(rng, sources)} == {NOT_A_DIGIT}


def test_labels_have_a_number_and_something_beside_it(rng: np.random.Generator, sources: Sources) -> None:
    for line in (make_label(rng, sources) for _ in range(50)):
        is_digit = [glyph.label < NOT_A_DIGIT for glyph in line]
        assert any(is_digit)
        assert not all(is_digit)


def test_equations_have_letters_and_raised_smaller_digits(rng: np.random.Generator, sources: Sources) -> None:
    lines = [make_equation(rng, sources) for _ in range(60)]
    assert all(any(glyph.label == NOT_A_DIGIT for glyph in line) for line in lines if len(line) > 3)
    powers = [glyph for line in lines for glyph in line if glyph.label < NOT_A_DIGIT and glyph.rise > 0.3]
    assert len(powers) > 10
    assert all(glyph.size < 0.8 for glyph in powers)


def test_a_decimal_has_its_point_on_the_line_below(rng: np.random.Generator, sources: Sources) -> None:
    points = [glyph for glyph in make_decimal(rng, sources) if glyph.label == NOT_A_DIGIT]
    assert len(points) == 1
    assert points[0].rise < -0.3


def test_a_row_repeats_one_thing(rng: np.random.Generator, sources: Sources) -> None:
    assert all(len({glyph.label for glyph in make_row(rng, sources)}) == 1 for _ in range(20))


def test_ones_come_most_often(rng: np.random.Generator, sources: Sources) -> None:
    labels = [glyph.label for _ in range(400) for glyph in make_number(rng, sources)]
    assert np.bincount(labels).argmax() == 1


def test_words_of_a_text_have_gaps_between_them(rng: np.random.Generator, sources: Sources) -> None:
    assert sum(glyph.size == 0 for glyph in make_text(rng, sources)) >= 5


def test_every_line_has_something_on_it(rng: np.random.Generator, sources: Sources) -> None:
    assert all(choose_line(rng, sources) for _ in range(50))
