"""Numbers that appear and leave become events; flicker does not."""

import pytest

from services.display.events import APPEAR_S, LEAVE_S, EventKind, NumberTracker
from shared.vision.digit import Number


def number(text: str, confidence: float = 0.9) -> Number:
    return Number(text, confidence, (0, 0, 10, 10))


def track(*frames: str, step_s: float = 0.1) -> list[tuple[float, str, str]]:
    """Return the time, kind and number of each event after frames that each show these numbers."""
    tracker, events = NumberTracker(), []
    for step, texts in enumerate(frames):
        at = round(step * step_s, 3)
        for event in tracker.update([number(text) for text in texts.split()], at):
            events.append((at, event.kind.value, event.number.text))
    return events


def test_number_appears_once_and_leaves_once() -> None:
    assert track(*["42"] * 10, *[""] * 20) == [(APPEAR_S, "appeared", "42"), (2.0, "left", "42")]


@pytest.mark.parametrize(
    ("frames", "appeared"),
    [
        (["7", "", "", "7", "", "", "7"], []),  # never there for long enough
        (["42"] * 5 + ["4 2"] + ["42"] * 5, ["42"]),  # it fell apart for one frame
        (["42"] * 5 + [""] * 8 + ["42"] * 5, ["42"]),  # a hand passed
        (["7 7"] * 5, ["7", "7"]),  # two numbers of the same text
        (["30"] * 5 + ["30 5"] * 5, ["30", "5"]),
    ],
)
def test_flicker_causes_no_event(frames: list[str], appeared: list[str]) -> None:
    events = track(*frames)
    assert [text for _, kind, text in events if kind == "appeared"] == appeared
    assert [text for _, kind, text in events if kind == "left"] == []


def test_event_has_first_and_last_time_and_highest_confidence() -> None:
    tracker = NumberTracker()
    tracker.update([number("8", 0.6)], 10.0)
    tracker.update([number("8", 0.95)], 10.2)
    [appeared] = tracker.update([number("8", 0.7)], 10.4)
    tracker.update([number("8", 0.7)], 11.0)
    [left] = tracker.expire(11.1 + LEAVE_S)
    assert (appeared.kind, left.kind) == (EventKind.APPEARED, EventKind.LEFT)
    assert (left.number.first_read_at, left.number.last_read_at, left.number.confidence) == (10.0, 11.0, 0.95)


def test_number_leaves_when_the_clock_is_set_back() -> None:
    tracker = NumberTracker()
    for at in (1000.0, 1000.2, 1000.4):
        tracker.update([number("8")], at)
    [left] = tracker.expire(10.0)
    assert left.kind is EventKind.LEFT
