"""Twice the load that fits: how a stage is slowed down, and how a crowded camera weighs."""

import time
from collections.abc import Sequence

import pytest

from benchmarks.overload import CROWDED, USUAL, plan_films, slow_down
from benchmarks.slow import DIGIT_S, PAGE_S, slowed
from shared.messaging.messages import Reading
from shared.vision.digit import Digit

DIGIT = Digit((0.0, 0.0, 1.0, 1.0), (-0.1,) + (-5.0,) * 10)


def read(pages: Sequence[int]) -> list[Reading]:
    """Each page says how many digits it has."""
    return [
        Reading(camera="cam", seq=0, captured_at=0.0, width=640, height=480, digits=(DIGIT,) * page) for page in pages
    ]


def test_one_camera_has_ten_times_the_digits() -> None:
    assert [film.digits for film in plan_films(4, 30)] == [CROWDED, USUAL, USUAL, USUAL]
    assert CROWDED == 10 * USUAL
    assert len({film.name for film in plan_films(4, 30)}) == 4


def test_the_slow_stage_takes_twice_the_time_that_there_is() -> None:
    films = plan_films(4, 30)
    slow = slow_down(films)
    a_second = sum(film.fps * (float(slow[PAGE_S]) + float(slow[DIGIT_S]) * film.digits) for film in films)
    assert a_second == pytest.approx(2.0)


def test_reading_takes_at_least_the_time_that_is_set_and_work_counts() -> None:
    slept: list[float] = []
    slow = slowed(read, {PAGE_S: "0.5", DIGIT_S: "0.25"}, slept.append)
    assert slow([1, 3]) == read([1, 3])
    assert slept[0] == pytest.approx(2 * 0.5 + 4 * 0.25, abs=0.05)

    def work(pages: Sequence[int]) -> list[Reading]:
        until = time.monotonic() + 0.03
        while time.monotonic() < until:
            pass
        return read(pages)

    slowed(work, {PAGE_S: "0.001", DIGIT_S: "0"}, slept.append)([0])
    assert slept[1] == 0.0


def test_without_a_setting_nothing_is_slowed() -> None:
    assert slowed(read, {}) is read
