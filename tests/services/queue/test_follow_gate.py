"""Preprocess is asked to follow live cameras that are settled, and only where the frame that was read is kept."""

from dataclasses import replace
from typing import Any

import pytest

from services.queue.follow_gate import FollowGate
from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.pipeline import Gate
from shared.vision.digit import Digit
from tests.shared.vision.reading import digit_of

SEVEN = digit_of(7)
FRAMES = 30


def frame(number: int) -> Frame:
    return Frame(camera="cam", seq=number, captured_at=100 + number / 30, every_frame=False, jpeg=b"jpeg")


def reading(number: int, digits: tuple[Digit, ...] = (SEVEN,)) -> Reading:
    return Reading(camera="cam", seq=number, captured_at=100 + number / 30, width=640, height=480, digits=digits)


def settle(gate: FollowGate) -> int:
    """Return the number of a frame that was read after others were followed."""
    number, has_followed = 0, False
    while True:
        gated, _ = gate.set_gate(frame(number), "p")
        if gated.gate is Gate.OPEN:
            gate.record_reading(reading(number), "p")
            if has_followed:
                return number
        has_followed |= gated.gate is Gate.FOLLOW
        number += 1
        assert number < FRAMES


def test_frame_is_followed_from_the_last_reading() -> None:
    gate = FollowGate(is_on=True)
    read = settle(gate)
    gated, reference = gate.set_gate(frame(read + 1), "p")
    assert gated == replace(frame(read + 1), gate=Gate.FOLLOW, read_seq=read, boxes=(SEVEN.box,))
    assert reference
    assert reference.reading == reading(read)


@pytest.mark.parametrize("case", ["every frame", "compared", "skipped", "another worker", "left", "off"])
def test_frame_is_read_in_all_other_cases(case: str) -> None:
    gate = FollowGate(is_on=case != "off")
    read = FRAMES if case == "off" else settle(gate)
    if case == "left":
        gate.forget_camera("cam")
    changes: dict[str, Any] = {
        "every frame": {"every_frame": True},
        "compared": {"gate": Gate.COMPARE, "sketch": b"sketch"},
        "skipped": {"gate": Gate.SKIP, "sketch": b"sketch"},
    }
    given = replace(frame(read + 1), **changes.get(case, {}))
    assert gate.set_gate(given, "q" if case == "another worker" else "p") == (given, None)


def test_frame_that_could_not_be_followed_is_a_look() -> None:
    gate = FollowGate(is_on=True)
    read = settle(gate)
    for number in (1, 2):
        assert gate.set_gate(frame(read + number), "p")[0].gate is Gate.FOLLOW
    seq, at = read + 2, frame(read + 2).captured_at
    gray = GrayFrame(camera="cam", seq=seq, captured_at=at, width=2, height=1, rows=1, columns=2, pixels=b"\0\0")
    gate.record_gray_frame(gray)
    assert [gate.set_gate(frame(seq + number), "p")[0].gate for number in (1, 2, 3)] == ["follow", "follow", "open"]


def test_reading_of_an_unknown_camera_changes_nothing() -> None:
    gate = FollowGate(is_on=True)
    gate.record_reading(reading(1), "p")
    assert gate.set_gate(frame(2), "p") == (frame(2), None)
