"""Pace: the limits on silence follow from the pauses that a camera makes again and again."""

from collections.abc import Callable

import pytest

from shared.cameras.pace import (
    BLOCKED_S,
    EARLY_MARGIN,
    EARLY_S,
    FROZEN_S,
    MARGIN,
    MEMORY_S,
    OPENING_S,
    REOPEN_S,
    UNKNOWN_S,
    Pace,
)


def learn(*times: float, pace: Pace | None = None) -> Pace:
    pace = pace or Pace()
    for at in times:
        pace.add_frame(at)
    return pace


def steady(interval_s: float, count: int) -> list[float]:
    return [interval_s * number for number in range(count)]


def test_camera_that_was_never_seen_may_take_long_to_open() -> None:
    assert Pace().blocked_after_s == OPENING_S


def test_limit_is_generous_until_the_pace_is_known() -> None:
    assert learn(0.0, 0.03).blocked_after_s == UNKNOWN_S


def test_silence_of_a_fast_camera_is_noticed_within_2_s_and_ends_in_a_new_try() -> None:
    pace = learn(*steady(1 / 30, 90))
    assert (pace.blocked_after_s, pace.reopen_after_s) == (BLOCKED_S, REOPEN_S)
    assert max(BLOCKED_S, FROZEN_S) < 2.0


@pytest.mark.parametrize("interval_s", [0.5, 1.0, 2.0, 5.0, 12.0])
def test_slow_camera_may_be_silent_for_longer_than_its_usual_pause(interval_s: float) -> None:
    pace = learn(*steady(interval_s, 6))
    assert pace.blocked_after_s == max(BLOCKED_S, MARGIN * interval_s)
    assert pace.reopen_after_s > pace.blocked_after_s


def stating(rate_hz: float) -> Pace:
    pace = Pace()
    pace.set_stated_rate(rate_hz)
    return pace


@pytest.mark.parametrize("make_pace", [lambda: Pace(is_fast=True), lambda: stating(25.0)])
@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_fast_camera_that_dies_within_its_first_frames_is_noticed_within_2_s(
    make_pace: Callable[[], Pace], frames: int
) -> None:
    assert learn(*steady(1 / 25, frames), pace=make_pace()).blocked_after_s < 2.0


@pytest.mark.parametrize("rate_hz", [0.0, 0.5, 90_000.0])
def test_rate_that_is_none_or_slow_or_a_clock_leaves_the_pace_unknown(rate_hz: float) -> None:
    assert learn(0.0, pace=stating(rate_hz)).blocked_after_s == UNKNOWN_S


def test_camera_that_is_slower_than_it_states_is_not_hurried_again() -> None:
    assert learn(0.0, 2.0, pace=stating(25.0)).blocked_after_s == UNKNOWN_S


def test_pause_of_a_camera_that_was_just_opened_is_expected_again() -> None:
    fast = steady(1 / 30, 60)
    assert learn(*fast, *(5 + at for at in fast)).blocked_after_s == pytest.approx(EARLY_MARGIN * (5 - fast[-1]))


def test_one_or_two_pauses_of_a_fast_camera_are_not_usual() -> None:
    fast = steady(1 / 30, 30)
    long = steady(1 / 30, 30 * int(EARLY_S + 1))
    pace = learn(*long, *(EARLY_S + 4 + at for at in fast), *(EARLY_S + 8 + at for at in fast))
    assert pace.blocked_after_s == BLOCKED_S
    assert learn(*(3 * burst + at for burst in range(4) for at in fast)).blocked_after_s > 2.0


def test_camera_that_sends_bursts_is_known_by_its_pauses() -> None:
    pace = Pace()
    for burst in range(6):
        for number in range(10):
            pace.add_frame(2.5 * burst + number / 1000)
        assert pace.blocked_after_s > 5.0


def test_pauses_are_forgotten() -> None:
    pace = learn(*steady(2.0, 6), *(10.1 + at for at in steady(0.1, 10 * int(MEMORY_S + 1))))
    assert pace.blocked_after_s == BLOCKED_S


def test_time_between_two_connections_is_no_pause() -> None:
    pace = learn(*steady(1 / 30, 30))
    for lost_at in (10.0, 20.0, 30.0, 40.0):
        pace.forget_last()
        pace.add_frame(lost_at)
    assert pace.blocked_after_s == BLOCKED_S
