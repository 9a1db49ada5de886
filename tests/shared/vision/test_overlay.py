"""The overlay marks each digit and leaves the rest of the picture alone, at any size."""

from dataclasses import replace

import numpy as np
import pytest

from shared.vision.numbers import join_numbers
from shared.vision.overlay import Picture, dim_picture, draw_overlay, make_mosaic
from tests.shared.vision.reading import digit_of


def blank(height: int, width: int, value: int = 128) -> Picture:
    return np.full((height, width, 3), value, np.uint8)


def test_original_picture_stays_as_it_was() -> None:
    picture = blank(240, 320)
    draw_overlay(picture, [digit_of(7)], [], "caption")
    assert (picture == 128).all()


def test_picture_without_digits_is_unchanged() -> None:
    assert (draw_overlay(blank(240, 320), [], []) == 128).all()


def test_marks_stay_near_the_digit() -> None:
    digits = [digit_of(7, (100, 100, 30, 50))]
    drawn = draw_overlay(blank(480, 640), digits, join_numbers(digits))
    rows, columns = np.nonzero((drawn != 128).any(axis=2))
    assert 70 < rows.min() < rows.max() < 190
    assert 90 < columns.min() < columns.max() < 200


def test_character_that_was_not_read_is_marked_in_another_colour() -> None:
    digits = [replace(digit_of(2, (100, 100, 30, 50)), unread_px=20), digit_of(7, (170, 100, 30, 50))]
    drawn = draw_overlay(blank(480, 640), digits, join_numbers(digits))
    assert tuple(drawn[120, 130]) != tuple(drawn[120, 100]) != (128, 128, 128)
    assert tuple(drawn[120, 150]) == (128, 128, 128)
    plain = [digits[0], replace(digits[0], unread_px=0)][1:] + digits[1:]
    assert (draw_overlay(blank(480, 640), plain, join_numbers(plain)) != drawn).any()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_box_shows_on_any_background(value: int) -> None:
    drawn = draw_overlay(blank(480, 640, value), [digit_of(7, (100, 100, 30, 50))], [])
    assert np.ptp(drawn[125, 95:106].astype(int), axis=0).max() > 100


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3000, 20)])
def test_any_size_of_picture_can_be_drawn_on(size: tuple[int, int]) -> None:
    digits = [digit_of(7, (-5, -5, 1e9, 1e9)), digit_of(1, (0, 0, 0, 0)), digit_of(2, (1e6, 1e6, 1, 1))]
    assert draw_overlay(blank(*size), digits, join_numbers(digits), "1x1").shape == (*size, 3)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 9])
def test_mosaic_shows_every_picture(count: int) -> None:
    pictures = [blank(48 + i, 64, 100 + i) for i in range(count)]
    grid = make_mosaic(pictures, 640, 480)
    assert grid.shape == (480, 640, 3)
    assert {100 + i for i in range(count)} <= set(np.unique(grid))


def test_dimmed_picture_has_no_colour() -> None:
    gray = dim_picture(np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    assert (gray == gray[:, :, :1]).all()
