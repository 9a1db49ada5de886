"""Lines: what people write, from left to right, each glyph with a label that is true."""

import numpy as np
import pytest

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.glyphs import LIKE_DIGIT, Sources
from training.scenes.lines import KINDS, calculation, choose_line, number, text, word


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_kinds_are_all_that_comes() -> None:
    assert sum(KINDS.values()) == pytest.approx(1)


def test_numbers_have_one_to_eight_digits_and_nothing_else(rng: np.random.Generator, sources: Sources) -> None:
    for line in (number(rng, sources) for _ in range(50)):
        assert 1 <= len(line) <= 8
        assert all(0 <= glyph.label < NOT_A_DIGIT for glyph in line)


def test_calculations_have_digits_and_signs(rng: np.random.Generator, sources: Sources) -> None:
    for line in (calculation(rng, sources) for _ in range(20)):
        is_sign = [glyph.label == NOT_A_DIGIT for glyph in line]
        assert any(is_sign)
        assert not all(is_sign)


def test_words_hold_no_digits_and_a_letter_that_is_like_none(rng: np.random.Generator, sources: Sources) -> None:
    for line in (word(rng, sources) for _ in range(50)):
        assert {glyph.label for glyph in line} <= {NOT_A_DIGIT, LIKE_DIGIT}
        assert NOT_A_DIGIT in {glyph.label for glyph in line}


def test_words_of_a_text_have_gaps_between_them(rng: np.random.Generator, sources: Sources) -> None:
    assert sum(glyph.size == 0 for glyph in text(rng, sources)) >= 5


def test_every_line_has_something_on_it(rng: np.random.Generator, sources: Sources) -> None:
    assert all(choose_line(rng, sources) for _ in range(50))
