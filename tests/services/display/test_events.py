"""One number is one event: flicker, fragments and what touches the frame's edge are none."""

import pytest

from services.display.events import LEAVE_S, EventKind, NumberTracker
from shared.vision.digit import Box, Number

FRAME = (640, 480)


def number(text: str, confidence: float = 0.9, box: Box = (100, 100, 60, 40)) -> Number:
    return Number(text, confidence, box)


def track(*frames: str, step_s: float = 0.1, box: Box = (100, 100, 60, 40)) -> list[tuple[float, str, str]]:
    """Return the time, kind and number of each event after frames that each show these numbers side by side."""
    tracker, events = NumberTracker(), []
    for step, texts in enumerate(frames):
        at = round(step * step_s, 3)
        shown = [number(text, box=(box[0] + 150 * n, *box[1:])) for n, text in enumerate(texts.split())]
        for event in tracker.update(shown, at, FRAME):
            events.append((at, event.kind.value, event.number.text))
    return events


def appeared(*frames: str) -> list[str]:
    return [text for _, kind, text in track(*frames) if kind == "appeared"]


def test_number_appears_once_and_leaves_once() -> None:
    assert track(*["42"] * 10, *[""] * 20) == [(0.4, "appeared", "42"), (2.0, "left", "42")]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (["7", "", "", "7", "", "", "7"], []),  # never there for long enough
        (["42"] * 6 + ["4 2"] + ["42"] * 6, ["42"]),  # it fell apart for one frame
        (["42"] * 6 + [""] * 8 + ["42"] * 6, ["42"]),  # a hand passed
        (["7 7"] * 6, ["7", "7"]),  # two numbers of the same text
        (["30"] * 6 + ["30 5"] * 6, ["30", "5"]),
        (["7595"] * 6 + ["759"] * 6 + ["7595"] * 6, ["7595"]),  # a hand covers a digit
        (["2017"] * 6 + ["207"] * 12 + ["2017"] * 6, ["2017"]),  # a digit is not read for a while
        (["4"] * 6 + ["42"] * 6, ["4", "42"]),  # one more digit was written
    ],
)
def test_flicker_and_parts_cause_no_event(frames: list[str], expected: list[str]) -> None:
    events = track(*frames)
    assert [text for _, kind, text in events if kind == "appeared"] == expected
    assert [text for _, kind, text in events if kind == "left"] == []


def test_number_without_a_digit_is_one_once_the_digit_is_away_for_long() -> None:
    assert appeared(*["75"] * 6, *["5"] * 30) == ["75", "5"]


def test_number_with_an_unread_character_is_no_event_until_it_stays() -> None:
    assert appeared(*["20?7"] * 10, *["2017"] * 10) == ["2017"]
    assert appeared(*["2017"] * 10, *["20?7"] * 12) == ["2017"]
    assert appeared(*["20?7"] * 30) == ["20?7"]


def test_number_appears_when_its_last_character_is_read_at_last() -> None:
    events = track(*["20?7"] * 20, *["2017"] * 30)
    assert [(kind, text) for _, kind, text in events] == [
        ("appeared", "20?7"),
        ("appeared", "2017"),
        ("left", "20?7"),
    ]
    assert events[1][0] < 2.6


@pytest.mark.parametrize("box", [(0, 100, 60, 40), (577, 100, 60, 40), (100, 2, 60, 40), (100, 439, 60, 40)])
def test_number_at_the_edge_waits(box: Box) -> None:
    assert track(*["75"] * 20, box=box) == []


def test_number_that_moves_out_of_the_frame_has_left_before_the_next_one_of_its_text() -> None:
    tracker, events = NumberTracker(), []
    tops = [200.0] * 6 + [260, 340, None, None, None, None, 200, 200, 200, 200, 200, 200]
    for step, top in enumerate(tops):
        shown = [] if top is None else [number("7", box=(300, top, 60, 80))]
        events += tracker.update(shown, step / 10, FRAME)
    assert [event.kind for event in events] == [EventKind.APPEARED, EventKind.LEFT, EventKind.APPEARED]


def test_lone_digit_has_to_be_sure_and_is_not_mistaken_for_another_of_its_text() -> None:
    tracker, events = NumberTracker(), []
    for step in range(20):
        shown = [number("0", 0.95, (300, 200, 60, 80))]
        if step % 2:
            shown.insert(0, number("0", 0.7, (20, 20, 60, 80)))
        events += tracker.update(shown, step / 10, FRAME)
    assert [(event.kind, event.number.box[0]) for event in events] == [(EventKind.APPEARED, 300)]


def test_event_has_first_and_last_time_and_highest_confidence() -> None:
    tracker = NumberTracker()
    tracker.update([number("8", 0.85)], 10.0, FRAME)
    tracker.update([number("8", 0.95)], 10.2, FRAME)
    [appears] = tracker.update([number("8", 0.85)], 10.4, FRAME)
    tracker.update([number("8", 0.85)], 11.0, FRAME)
    [left] = tracker.expire(11.1 + LEAVE_S)
    assert (appears.kind, left.kind) == (EventKind.APPEARED, EventKind.LEFT)
    assert (left.number.first_read_at, left.number.last_read_at, left.number.confidence) == (10.0, 11.0, 0.95)


def test_number_leaves_when_the_clock_is_set_back() -> None:
    tracker = NumberTracker()
    for at in (1000.0, 1000.2, 1000.4):
        tracker.update([number("8")], at, FRAME)
    [left] = tracker.expire(10.0)
    assert left.kind is EventKind.LEFT
