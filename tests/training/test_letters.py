"""Letters: drawn whole, of the size and at the height that their line gives them."""

from pathlib import Path

import numpy as np
import pytest

from training.scenes.fields import BOX
from training.scenes.fonts import find_print_fonts, render_letter, render_word
from training.scenes.letters import LETTERS, draw_letter


@pytest.mark.parametrize("character", LETTERS)
def test_a_letter_fills_its_mask(character: str) -> None:
    mask, size, rise = draw_letter(np.random.default_rng(0), character)
    assert max(mask.shape) == BOX + 1
    assert mask[0].any()
    assert mask[-1].any()
    assert 0.3 < size < 1.8
    assert -0.6 < rise < 0.4


def test_small_letters_stand_on_the_line_and_descenders_hang_below() -> None:
    rng = np.random.default_rng(0)
    (_, x_size, x_rise), (_, y_size, y_rise) = (draw_letter(rng, character)[0:3] for character in "zp")
    assert x_rise - x_size / 2 == pytest.approx(-0.5, abs=0.45)
    assert y_rise - y_size / 2 < -0.7


def test_no_letter_is_drawn_the_same_twice() -> None:
    rng = np.random.default_rng(0)
    first, second = (draw_letter(rng, "a")[0] for _ in range(2))
    assert first.shape != second.shape or (first != second).any()


@pytest.fixture
def font() -> Path:
    return find_print_fonts()[0]


def test_a_typed_letter_knows_its_size_and_height(font: Path) -> None:
    small, tall, hanging = (render_letter(font, character) for character in "xHg")
    assert small[1] < tall[1] == pytest.approx(1, abs=0.05)
    assert hanging[2] < small[2] < tall[2] == pytest.approx(0, abs=0.05)


def test_a_word_is_one_body_from_its_first_letter_to_its_last(font: Path) -> None:
    word, _ = render_word(font, "mill")
    one, _ = render_word(font, "m")
    assert word.shape[1] > 1.5 * one.shape[1]
    assert word[:, 0].any()
    assert word[:, -1].any()


def test_a_blank_has_no_size(font: Path) -> None:
    assert render_letter(font, " ")[1] == 0
