"""The demo camera: deterministic, legible, and true about what it shows."""

import math

import cv2
import numpy as np
import pytest

from shared.demo import CHANGE_S, HEIGHT, SHEET_S, WIDTH, Demo
from shared.demo.paper import load_digits, write_sheet

HELD = [CHANGE_S + 0.05, SHEET_S / 2, 5.1, 17.3, 30.2, 61.7]  # moments at which a sheet is held up


@pytest.fixture(scope="module")
def demo() -> Demo:
    return Demo(seed=1)


def test_the_same_seed_and_time_give_the_same_picture(demo: Demo) -> None:
    later = demo.render(9.3)
    other = Demo(seed=1).render(9.3)
    assert np.array_equal(later[0], other[0])
    assert later[1] == other[1]


def test_another_seed_gives_another_desk_and_other_numbers(demo: Demo) -> None:
    other = Demo(seed=2)
    assert np.abs(demo.render(0)[0].astype(int) - other.render(0)[0]).mean() > 5
    assert [demo.numbers(SHEET_S * i) for i in range(5)] != [other.numbers(SHEET_S * i) for i in range(5)]


@pytest.mark.parametrize("t", HELD)
def test_a_sheet_that_is_held_up_shows_every_digit_of_its_numbers(demo: Demo, t: float) -> None:
    assert "".join(demo.numbers(t)) == "".join(str(digit) for digit, _ in demo.render(t)[1])


@pytest.mark.parametrize("t", HELD)
def test_boxes_hold_dark_ink_up_to_their_edges_on_light_paper(demo: Demo, t: float) -> None:
    picture, truth = demo.render(t)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(float)
    for _, (x, y, w, h) in truth:
        left, top, right, bottom = round(x), round(y), round(x + w), round(y + h)
        around = grey[max(0, top - 8) : bottom + 8, max(0, left - 8) : right + 8]
        ink = grey[top:bottom, left:right] < (np.percentile(around, 3) + np.percentile(around, 90)) / 2
        assert ink[:4].any()
        assert ink[-4:].any()
        assert ink[:, :4].any()
        assert ink[:, -4:].any()
        assert not ink.all()


def test_ink_can_be_told_from_paper_by_eye_in_every_light(demo: Demo) -> None:
    contrasts = []
    for t in np.arange(0, 60, 0.7):
        picture, truth = demo.render(t)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        for _, (x, y, w, h) in truth:
            crop = grey[int(y) : math.ceil(y + h), int(x) : math.ceil(x + w)]
            contrasts.append(float(np.percentile(crop, 95)) - float(np.percentile(crop, 5)))
    assert min(contrasts) > 40


def test_light_and_pose_change_while_a_sheet_is_held(demo: Demo) -> None:
    first, last = demo.render(0.5), demo.render(3.4)
    moved = [
        abs(a - b) for (_, one), (_, two) in zip(first[1], last[1], strict=True) for a, b in zip(one, two, strict=True)
    ]
    brightness = [demo.render(t)[0].mean() for t in np.arange(0.5, 12, 0.5)]
    assert max(moved) > 10
    assert max(brightness) - min(brightness) > 10


def test_a_sheet_that_comes_or_goes_shows_only_whole_digits(demo: Demo) -> None:
    for t in np.arange(SHEET_S - CHANGE_S, SHEET_S + CHANGE_S, 0.04):
        for _, (x, y, w, h) in demo.render(t)[1]:
            assert 0 <= x < x + w <= WIDTH
            assert 0 <= y < y + h <= HEIGHT
    assert demo.render(SHEET_S)[1] == ()


def test_sheets_hold_one_to_five_digits_in_one_row_or_two() -> None:
    sheets = [write_sheet(np.random.default_rng(seed)).numbers for seed in range(60)]
    assert {len(numbers) for numbers in sheets} == {1, 2}
    assert {len(numbers[0]) for numbers in sheets if len(numbers) == 1} == {1, 2, 3, 4, 5}


def test_the_shipped_digits_are_thirty_of_each_class() -> None:
    digits = load_digits()
    assert digits.shape == (10, 30, 28, 28)
    assert digits.reshape(300, -1).max(axis=1).min() > 200
