"""What became of the pictures that were due: read, dropped, never sent, not seen; and how old those read were."""

import pytest

from benchmarks.viewer import Account, Sight, account
from shared.pipeline import Outcome

FPS = 10.0
STARTED = 100.0  # the first picture of the schedule


def sight(tick: int, seq: int | None = None, outcome: Outcome = Outcome.READ, age_s: float = 0.05) -> Sight:
    captured_at = STARTED + tick / FPS
    return Sight("cam", tick if seq is None else seq, captured_at, captured_at + age_s, outcome)


def take(*sights: Sight) -> Account:
    """One second from 100.05 on: ticks 1 to 10 are due."""
    return account(sights, FPS, STARTED + 0.05, 1.0)


def test_every_picture_that_was_due_is_read() -> None:
    result = take(*(sight(tick) for tick in range(14)))
    assert (result.due, result.read, result.dropped, result.unsent, result.unseen) == (10, 10, 0, 0, 0)
    assert result.ages_s == pytest.approx([0.05] * 10)


def test_a_dropped_frame_is_dropped_and_has_no_age() -> None:
    result = take(*(sight(tick, outcome=Outcome.STALE if tick == 5 else Outcome.READ) for tick in range(14)))
    assert (result.read, result.dropped, result.unsent, result.unseen) == (9, 1, 0, 0)


def test_a_picture_of_an_unchanged_page_is_answered() -> None:
    result = take(*(sight(tick, outcome=Outcome.UNCHANGED if tick > 3 else Outcome.READ) for tick in range(14)))
    assert (result.read, result.unchanged, result.dropped) == (10, 7, 0)


def test_a_gap_in_the_schedule_without_one_in_the_numbers_was_never_sent() -> None:
    result = take(*(sight(tick, seq) for seq, tick in enumerate((0, 1, 2, 6, 7, 8, 9, 10))))
    assert (result.read, result.unsent, result.unseen) == (7, 3, 0)


def test_a_gap_in_the_numbers_was_sent_and_not_seen() -> None:
    result = take(*(sight(tick) for tick in (0, 1, 2, 3, 6, 7, 8, 9, 10)))
    assert (result.read, result.unsent, result.unseen) == (8, 0, 2)


def test_a_camera_that_was_never_seen_left_everything_out() -> None:
    assert account([], FPS, STARTED, 1.0) == Account(10, (), 0, 10, 0)


def test_what_became_of_the_pictures_adds_up() -> None:
    result = take(
        *(
            sight(tick, seq, Outcome.REPLACED if seq % 3 else Outcome.READ)
            for seq, tick in ((0, 0), (2, 3), (3, 4), (7, 9))
        )
    )
    assert result.read + result.dropped + result.unsent + result.unseen == result.due
