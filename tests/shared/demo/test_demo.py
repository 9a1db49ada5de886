"""The demo camera is deterministic and legible, and its labels are right."""

import math

import cv2
import numpy as np
import pytest

from shared.demo.camera import CHANGE_S, HEIGHT, SHEET_S, WIDTH, DemoCamera
from shared.demo.paper import load_digits, write_sheet

HELD_AT = [CHANGE_S + 0.05, SHEET_S / 2, 5.1, 17.3, 30.2, 61.7]  # seconds


@pytest.fixture(scope="module")
def demo() -> DemoCamera:
    return DemoCamera(seed=1)


def test_same_seed_and_time_give_the_same_frame(demo: DemoCamera) -> None:
    later = demo.render(9.3)
    other = DemoCamera(seed=1).render(9.3)
    assert np.array_equal(later[0], other[0])
    assert later[1] == other[1]


def test_different_seeds_give_different_desks_and_numbers(demo: DemoCamera) -> None:
    other = DemoCamera(seed=2)
    assert np.abs(demo.render(0)[0].astype(int) - other.render(0)[0]).mean() > 5
    assert [demo.numbers(SHEET_S * i) for i in range(5)] != [other.numbers(SHEET_S * i) for i in range(5)]


@pytest.mark.parametrize("t", HELD_AT)
def test_held_sheet_shows_every_digit_of_its_numbers(demo: DemoCamera, t: float) -> None:
    assert "".join(demo.numbers(t)) == "".join(str(digit) for digit, _ in demo.render(t)[1])
    assert demo.visible_numbers(t) == demo.numbers(t)


def test_number_is_visible_only_when_each_of_its_digits_is(demo: DemoCamera) -> None:
    for t in np.arange(0, 2 * SHEET_S, 0.05):
        digits = [str(digit) for digit, _ in demo.render(t)[1]]
        visible = demo.visible_numbers(t)
        assert not visible if not digits else len("".join(visible)) <= len(digits)
        assert (visible == demo.numbers(t)) == (digits == list("".join(demo.numbers(t))))


@pytest.mark.parametrize("t", HELD_AT)
def test_boxes_fit_the_dark_ink_tightly(demo: DemoCamera, t: float) -> None:
    frame, labels = demo.render(t)
    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(float)
    for _, (x, y, w, h) in labels:
        left, top, right, bottom = round(x), round(y), round(x + w), round(y + h)
        around = gray[max(0, top - 8) : bottom + 8, max(0, left - 8) : right + 8]
        ink = gray[top:bottom, left:right] < (np.percentile(around, 3) + np.percentile(around, 90)) / 2
        assert ink[:4].any()
        assert ink[-4:].any()
        assert ink[:, :4].any()
        assert ink[:, -4:].any()
        assert not ink.all()


def test_ink_contrasts_with_paper_in_every_light(demo: DemoCamera) -> None:
    contrasts = []
    for t in np.arange(0, 60, 0.7):
        frame, labels = demo.render(t)
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        for _, (x, y, w, h) in labels:
            crop = gray[int(y) : math.ceil(y + h), int(x) : math.ceil(x + w)]
            contrasts.append(float(np.percentile(crop, 95)) - float(np.percentile(crop, 5)))
    assert min(contrasts) > 40


def test_light_and_pose_change_while_a_sheet_is_held(demo: DemoCamera) -> None:
    first, last = demo.render(0.5), demo.render(3.4)
    moved = [
        abs(a - b) for (_, one), (_, two) in zip(first[1], last[1], strict=True) for a, b in zip(one, two, strict=True)
    ]
    brightness = [demo.render(t)[0].mean() for t in np.arange(0.5, 12, 0.5)]
    assert max(moved) > 10
    assert max(brightness) - min(brightness) > 10


def test_labels_of_a_moving_sheet_contain_only_whole_digits(demo: DemoCamera) -> None:
    for t in np.arange(SHEET_S - CHANGE_S, SHEET_S + CHANGE_S, 0.04):
        for _, (x, y, w, h) in demo.render(t)[1]:
            assert 0 <= x < x + w <= WIDTH
            assert 0 <= y < y + h <= HEIGHT
    assert demo.render(SHEET_S)[1] == ()


def test_sheets_have_one_to_five_digits_in_one_or_two_rows() -> None:
    sheets = [write_sheet(np.random.default_rng(seed)).numbers for seed in range(60)]
    assert {len(numbers) for numbers in sheets} == {1, 2}
    assert {len(numbers[0]) for numbers in sheets if len(numbers) == 1} == {1, 2, 3, 4, 5}


def test_shipped_digits_are_thirty_per_class() -> None:
    digits = load_digits()
    assert digits.shape == (10, 30, 28, 28)
    assert digits.reshape(300, -1).max(axis=1).min() > 200
