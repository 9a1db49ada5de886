"""What became of the due frames: read, dropped, not sent or unseen; and the ages of those that were read."""

import pytest

from benchmarks.viewer import FrameAccount, ReceivedView, account_for_frames
from shared.pipeline import Outcome

FPS = 10.0
STARTED = 100.0  # the first frame of the schedule


def end_frame(tick: int, seq: int | None = None, outcome: Outcome = Outcome.READ, age_s: float = 0.05) -> ReceivedView:
    captured_at = STARTED + tick / FPS
    return ReceivedView("cam", tick if seq is None else seq, captured_at, captured_at + age_s, outcome)


def account(*ended: ReceivedView) -> FrameAccount:
    """Account for one second from 100.05 on, in which ticks 1 to 10 are due."""
    return account_for_frames(ended, FPS, STARTED + 0.05, 1.0)


def test_every_due_frame_is_read() -> None:
    result = account(*(end_frame(tick) for tick in range(14)))
    assert (result.due, result.read, result.dropped, result.unsent, result.unseen) == (10, 10, 0, 0, 0)
    assert result.ages_s == pytest.approx([0.05] * 10)


def test_dropped_frame_has_no_age() -> None:
    result = account(*(end_frame(tick, outcome=Outcome.STALE if tick == 5 else Outcome.READ) for tick in range(14)))
    assert (result.read, result.dropped, result.unsent, result.unseen) == (9, 1, 0, 0)


def test_followed_frame_is_answered_and_not_read() -> None:
    result = account(*(end_frame(tick, outcome=Outcome.FOLLOWED if tick > 3 else Outcome.READ) for tick in range(14)))
    assert (result.answered, result.read, result.outcomes["followed"], result.dropped) == (10, 3, 7, 0)


def test_unchanged_frame_counts_as_read() -> None:
    result = account(*(end_frame(tick, outcome=Outcome.UNCHANGED if tick > 3 else Outcome.READ) for tick in range(14)))
    assert (result.read, result.outcomes["unchanged"], result.dropped) == (10, 7, 0)


def test_gap_in_the_schedule_without_one_in_the_numbers_is_unsent_frames() -> None:
    result = account(*(end_frame(tick, seq) for seq, tick in enumerate((0, 1, 2, 6, 7, 8, 9, 10))))
    assert (result.read, result.unsent, result.unseen) == (7, 3, 0)


def test_gap_in_the_numbers_is_unseen_frames() -> None:
    result = account(*(end_frame(tick) for tick in (0, 1, 2, 3, 6, 7, 8, 9, 10)))
    assert (result.read, result.unsent, result.unseen) == (8, 0, 2)


def test_camera_that_was_never_seen_sent_nothing() -> None:
    assert account_for_frames([], FPS, STARTED, 1.0) == FrameAccount(due=10, unsent=10)


def test_account_adds_up() -> None:
    result = account(
        *(
            end_frame(tick, seq, Outcome.REPLACED if seq % 3 else Outcome.READ)
            for seq, tick in ((0, 0), (2, 3), (3, 4), (7, 9))
        )
    )
    assert result.read + result.dropped + result.unsent + result.unseen == result.due
