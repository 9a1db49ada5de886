"""Twice the load that fits: how the stage is slowed down, and what a crowded camera costs."""

import time
from collections.abc import Sequence

import pytest

from benchmarks.overload import CROWDED, USUAL, make_slow_environment, plan_films
from benchmarks.slow_inference import DIGIT_S, FRAME_S, slow_down
from shared.messaging.messages import Reading
from shared.vision.digit import Digit

DIGIT = Digit((0.0, 0.0, 1.0, 1.0), (-0.1,) + (-5.0,) * 10)


def read(frames: Sequence[int]) -> list[Reading]:
    """Return readings; each gray frame here is its number of digits."""
    return [
        Reading(camera="cam", seq=0, captured_at=0.0, width=640, height=480, digits=(DIGIT,) * count)
        for count in frames
    ]


def test_one_camera_has_ten_times_as_many_digits() -> None:
    assert [film.digits for film in plan_films(4, 30)] == [CROWDED, USUAL, USUAL, USUAL]
    assert CROWDED == 10 * USUAL
    assert len({film.name for film in plan_films(4, 30)}) == 4


def test_slow_stage_takes_twice_the_available_time() -> None:
    films = plan_films(4, 30)
    slow = make_slow_environment(films)
    busy_share = sum(film.fps * (float(slow[FRAME_S]) + float(slow[DIGIT_S]) * film.digits) for film in films)
    assert busy_share == pytest.approx(2.0)


def test_reading_takes_at_least_the_configured_time_including_its_own() -> None:
    slept: list[float] = []
    slow = slow_down(read, {FRAME_S: "0.5", DIGIT_S: "0.25"}, slept.append)
    assert slow([1, 3]) == read([1, 3])
    assert slept[0] == pytest.approx(2 * 0.5 + 4 * 0.25, abs=0.05)

    def work(frames: Sequence[int]) -> list[Reading]:
        until = time.monotonic() + 0.03
        while time.monotonic() < until:
            pass
        return read(frames)

    slow_down(work, {FRAME_S: "0.001", DIGIT_S: "0"}, slept.append)([0])
    assert slept[1] == 0.0


def test_reading_is_not_slowed_by_default() -> None:
    assert slow_down(read, {}) is read
