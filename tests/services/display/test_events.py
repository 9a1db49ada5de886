"""Numbers that come and go, as they are told."""

import pytest

from services.display.events import APPEAR_S, LEAVE_S, NumberAppeared, NumberLeft, NumberTracker
from shared.vision.digit import Number


def number(text: str, confidence: float = 0.9) -> Number:
    return Number(text, confidence, (0, 0, 10, 10))


def play(*shown: str, step_s: float = 0.1) -> list[tuple[float, str, str]]:
    """What is told of frames that each show these numbers: when, what, and which number."""
    sightings, told = NumberTracker(), []
    for step, texts in enumerate(shown):
        at = round(step * step_s, 3)
        told += [
            (at, type(change).__name__, change.sighting.text)
            for change in sightings.update([number(text) for text in texts.split()], at)
        ]
    return told


def test_number_appears_once_and_leaves_once() -> None:
    assert play(*["42"] * 10, *[""] * 20) == [(APPEAR_S, "NumberAppeared", "42"), (2.0, "NumberLeft", "42")]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (["7", "", "", "7", "", "", "7"], []),  # never in sight for long enough
        (["42"] * 5 + ["4 2"] + ["42"] * 5, ["42"]),  # it fell apart for one frame
        (["42"] * 5 + [""] * 8 + ["42"] * 5, ["42"]),  # a hand passed
        (["7 7"] * 5, ["7", "7"]),  # two that read the same are two
        (["30"] * 5 + ["30 5"] * 5, ["30", "5"]),
    ],
)
def test_flicker_is_not_told(shown: list[str], told: list[str]) -> None:
    assert [text for _, what, text in play(*shown) if what == "NumberAppeared"] == told
    assert [text for _, what, text in play(*shown) if what == "NumberLeft"] == []


def test_sighting_says_since_when_until_when_and_how_sure() -> None:
    sightings = NumberTracker()
    sightings.update([number("8", 0.6)], 10.0)
    sightings.update([number("8", 0.95)], 10.2)
    [appeared] = sightings.update([number("8", 0.7)], 10.4)
    assert isinstance(appeared, NumberAppeared)
    sightings.update([number("8", 0.7)], 11.0)
    [left] = sightings.look(11.1 + LEAVE_S)
    assert isinstance(left, NumberLeft)
    assert (left.sighting.appeared_at, left.sighting.seen_at, left.sighting.confidence) == (10.0, 11.0, 0.95)


def test_number_leaves_when_the_clock_is_set_back() -> None:
    sightings = NumberTracker()
    for at in (1000.0, 1000.2, 1000.4):
        sightings.update([number("8")], at)
    [left] = sightings.look(10.0)
    assert isinstance(left, NumberLeft)
