"""Settled digits are read ten times a second and followed in between; all others are read in every frame."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from shared.vision.digit import Digit
from shared.vision.follow_rule import HELD_BACK_JITTER, HELD_BACK_S, LOOK_S, MAX_FOLLOWED, FollowRule
from tests.shared.vision.reading import digit_of

SEVEN, TWO = digit_of(7), digit_of(2, (300, 100, 30, 50))


def play(
    readings: Sequence[tuple[Digit, ...]],
    fps: float = 30.0,
    rule: FollowRule | None = None,
    *,
    is_held_back: bool = False,
) -> list[float]:
    """Give each frame to the rule, and its reading at once if it is read; return the times of those that are read."""
    rule, read_at = rule or FollowRule(), []
    for number, digits in enumerate(readings):
        captured_at = 100 + number / fps
        if not rule.allows(captured_at, is_held_back=is_held_back):
            rule.record_reading(digits, captured_at)
            read_at.append(captured_at)
    return read_at


def longest_gap_s(read_at: list[float]) -> float:
    return max(after - before for before, after in pairwise(read_at))


@pytest.mark.parametrize(
    ("fps", "share"), [(5, 1.0), (10, 1.0), (15, 1.0), (20, 1 / 2), (25, 1 / 2), (30, 1 / 3), (60, 1 / 6)]
)
def test_settled_digits_are_read_at_least_ten_times_a_second(fps: float, share: float) -> None:
    read_at = play([(SEVEN, TWO)] * 20 * round(fps), fps)
    assert len(read_at) == pytest.approx(share * 20 * fps, rel=0.05)
    assert longest_gap_s(read_at) <= max(LOOK_S, 1 / fps) + 1e-6


@pytest.mark.parametrize(("fps", "share"), [(4, 1.0), (9, 1 / 2), (10, 1 / 2), (15, 1 / 3), (30, 1 / 6)])
def test_settled_digits_of_a_camera_that_is_held_back_are_read_five_times_a_second(fps: int, share: float) -> None:
    read_at = play([(SEVEN, TWO)] * 20 * fps, fps, is_held_back=True)
    assert len(read_at) == pytest.approx(share * 20 * fps, rel=0.1)
    assert longest_gap_s(read_at) <= max((1 + HELD_BACK_JITTER) * HELD_BACK_S, 1 / fps) + 1e-6


@pytest.mark.parametrize("is_held_back", [False, True])
def test_frame_that_would_be_followed_anyway_is_followed_when_cameras_are_held_back(is_held_back: bool) -> None:
    """It comes 0.07 s after the one that was read, and what is shown has not been the same for long."""
    rule = FollowRule()
    read_at = play([(SEVEN,)] * 12, rule=rule)[-1]
    assert rule.allows(read_at + 2.2 / 30, is_held_back=is_held_back)


def test_camera_that_is_no_longer_held_back_is_read_ten_times_a_second_again() -> None:
    rule = FollowRule()
    play([(SEVEN,)] * 60, rule=rule, is_held_back=True)
    read_at = []
    for number in range(60):
        if not rule.allows(102 + number / 30):
            rule.record_reading((SEVEN,), 102 + number / 30)
            read_at.append(number)
    assert read_at[0] <= 3
    assert longest_gap_s([number / 30 for number in read_at]) <= LOOK_S + 1e-6


def test_frame_without_digits_is_settled_too() -> None:
    assert len(play([()] * 300)) < 110


def test_exchanged_digit_is_read_in_every_frame_until_it_is_shown() -> None:
    read_at = play([(SEVEN,)] * 60 + [(digit_of(1, confidence=0.99),)] * 30)
    first = next(at for at in read_at if at >= 102 - 1e-6)
    assert first <= 102 + 0.1
    shown_at = first + 7 / 30  # as in test_tracks.py
    assert [at for at in read_at if first <= at <= shown_at] == pytest.approx([first + n / 30 for n in range(8)])
    assert len([at for at in read_at if at > shown_at + 0.2]) < 10


def test_new_digit_that_is_sure_is_read_in_every_frame_until_it_is_shown() -> None:
    read_at = play([(SEVEN,)] * 60 + [(SEVEN, TWO)] * 30)
    first = next(at for at in read_at if at >= 102 - 1e-6)
    assert [at for at in read_at if first <= at <= first + 0.07] == pytest.approx([first + n / 30 for n in range(3)])


def test_thing_that_is_hardly_a_digit_does_not_keep_the_others_from_being_followed() -> None:
    unsure = digit_of(1, (300, 100, 30, 50), confidence=0.3)
    assert len(play([(SEVEN, unsure) if number % 4 else (SEVEN,) for number in range(300)])) < 130


def test_missed_digit_is_read_until_it_is_there_again() -> None:
    steady: list[tuple[Digit, ...]] = [(SEVEN, TWO)]
    read_at = play(steady * 60 + [(SEVEN,)] * 9 + steady * 9)
    first_miss = next(at for at in read_at if at >= 102 - 1e-6)
    assert [at for at in read_at if first_miss <= at <= 102.3] == pytest.approx(
        [first_miss + number / 30 for number in range(1 + round((102.3 - first_miss) * 30))]
    )


def test_crowded_frames_are_always_read() -> None:
    crowd = tuple(digit_of(number % 10, (40 * number, 100, 30, 50)) for number in range(MAX_FOLLOWED + 1))
    assert len(play([crowd] * 60)) == 60
    assert len(play([crowd[:-1]] * 60)) < 30


def test_nothing_is_followed_while_no_reading_comes() -> None:
    rule = FollowRule()
    play([(SEVEN,)] * 30, rule=rule)
    allowed = [rule.allows(101 + number / 30) for number in range(30)]
    assert any(allowed[:6])  # the rest of the time of the last reading
    assert not any(allowed[7:])


def settle(rule: FollowRule) -> int:
    """Play frames; return the number of one that was read after others were followed."""
    read_at = [round(30 * (at - 100)) for at in play([(SEVEN,)] * 26, rule=rule)]
    assert read_at[-1] == 25
    assert read_at[-2] < 24
    return 25


def test_frame_that_could_not_be_followed_counts_as_read() -> None:
    rule = FollowRule()
    read = settle(rule)
    times = [100 + (read + number) / 30 for number in range(1, 6)]
    assert [rule.allows(at) for at in times[:2]] == [True, True]
    rule.record_request(times[1])
    rule.record_reading((SEVEN,), times[1])
    assert [rule.allows(at) for at in times[2:]] == [True, True, False]


def test_older_reading_changes_nothing() -> None:
    rule = FollowRule()
    number = settle(rule)
    assert not rule.record_reading((TWO,), 100 + (number - 1) / 30)
    assert rule.allows(100 + (number + 1) / 30)


def test_clock_that_is_set_back_does_not_stop_reading() -> None:
    rule = FollowRule()
    play([(SEVEN,)] * 60, rule=rule)
    read_at = []
    for number in range(60):
        if not rule.allows(50 + number / 30):
            assert rule.record_reading((SEVEN,), 50 + number / 30)
            read_at.append(number)
    assert longest_gap_s([number / 30 for number in read_at]) <= LOOK_S + 1e-6


def test_camera_that_loses_frames_keeps_its_pace() -> None:
    """A camera of 30 frames/s of which every second is dropped under load: the others are followed, too."""
    rule, followed = FollowRule(), 0
    play([(SEVEN,)] * 31, rule=rule)
    for number in range(2, 8, 2):
        followed += rule.allows(101 + number / 30)
        rule.record_reading((SEVEN,), 101 + number / 30)
    assert followed >= 1
