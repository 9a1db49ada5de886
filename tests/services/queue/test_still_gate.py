"""A moving camera is read every frame, a still one once a second."""

from collections import Counter

import pytest

from services.queue.still_gate import SETTLE_S, StillGate, StillReference
from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.pipeline import Gate

FRAME_S = 1 / 32  # a power of two, so that times are exact


def frame(number: int, every_frame: bool = False) -> Frame:
    return Frame(camera="cam", seq=number, captured_at=100 + number * FRAME_S, every_frame=every_frame, jpeg=b"jpeg")


def read_frame(gate: StillGate, gated: Frame, reference: StillReference | None, scene: str) -> None:
    """Do what a worker and the queue do with a frame that scene this scene."""
    is_changed = gated.gate != "open" and gated.sketch != scene.encode()
    gray_frame = GrayFrame(
        camera="cam",
        seq=gated.seq,
        captured_at=gated.captured_at,
        width=2,
        height=1,
        rows=1,
        columns=2,
        pixels=b"\0\0",
        sketch=scene.encode() if is_changed else b"",
    )
    gate.record_reading(
        gray_frame,
        reference,
        Reading(camera="cam", seq=gated.seq, captured_at=gated.captured_at, width=2, height=1, digits=()),
    )


def pass_frames(gate: StillGate, scenes: str, start: int = 0) -> list[str]:
    """Pass a frame for each letter, its scene. Return for each whether it is skipped, reference or read."""
    actions = []
    for number, scene in enumerate(scenes, start):
        gated, reference = gate.set_gate(frame(number))
        is_skipped = gated.gate == Gate.SKIP and gated.sketch == scene.encode()
        if not is_skipped:
            read_frame(gate, gated, reference, scene)
        actions.append("skip" if is_skipped else gated.gate)
    return actions


def test_still_camera_is_read_until_it_has_settled_and_then_once_a_second() -> None:
    actions = pass_frames(StillGate(1.0), "a" * 81)
    settled = round(SETTLE_S / FRAME_S)
    assert actions[: settled + 1] == ["compare", *["open"] * (settled - 1), "compare"]
    assert actions[settled + 1 :] == ["skip"] * 31 + ["compare"] + ["skip"] * 31 + ["compare"]


@pytest.mark.parametrize(("number", "gate"), [(-1, Gate.COMPARE), (0, Gate.OPEN), (1, Gate.OPEN)])
def test_only_a_frame_from_before_the_reference_is_compared_at_once(number: int, gate: Gate) -> None:
    still_gate = StillGate(1.0)
    pass_frames(still_gate, "a")
    assert still_gate.set_gate(frame(number))[0].gate is gate


def test_moving_camera_is_read_every_time_and_reference_twice_a_second() -> None:
    actions = Counter(pass_frames(StillGate(1.0), "".join(map(chr, range(65, 65 + 64)))))
    assert actions == {"open": 60, "compare": 4}


def test_change_is_read_at_once_and_until_it_has_settled() -> None:
    gate = StillGate(1.0)
    pass_frames(gate, "a" * 20)
    gated, reference = gate.set_gate(frame(20))
    assert (gated.gate, gated.sketch) == ("skip", b"a")
    read_frame(gate, gated, reference, "b")
    assert pass_frames(gate, "b" * 18, start=21) == ["open"] * 15 + ["compare"] + ["skip"] * 2


def test_slow_change_is_reference_with_the_frame_that_was_read() -> None:
    gate = StillGate(1.0)
    pass_frames(gate, "a" * 20)
    gated = {gate.set_gate(frame(number))[0].sketch for number in range(20, 48)}
    assert gated == {b"a"}


def test_frame_of_an_every_frame_camera_is_never_reference() -> None:
    gate = StillGate(1.0)
    pass_frames(gate, "a" * 20)
    assert gate.set_gate(frame(20, every_frame=True)) == (frame(20, every_frame=True), None)


def test_gate_of_zero_seconds_is_open() -> None:
    assert set(pass_frames(StillGate(0.0), "a" * 64)) == {"open"}


def test_still_camera_is_read_again_after_reread_s() -> None:
    assert pass_frames(StillGate(0.1), "a" * 9)[:5] == ["compare", "open", "open", "open", "compare"]


def test_comparison_with_an_older_reference_changes_nothing() -> None:
    """Two workers: one finds a frame the same as before, after the other has found a newer one changed."""
    gate = StillGate(1.0)
    pass_frames(gate, "a")
    older, newer = gate.set_gate(frame(20)), gate.set_gate(frame(21))
    read_frame(gate, *newer, "b")
    read_frame(gate, *older, "a")
    gated, _ = gate.set_gate(frame(22))
    assert gated.gate == Gate.OPEN


def test_answer_that_comes_after_its_camera_has_left_changes_nothing() -> None:
    gate = StillGate(1.0)
    pass_frames(gate, "a")
    gated, reference = gate.set_gate(frame(20))
    assert reference
    gate.forget_camera("cam")
    read_frame(gate, gated, reference, "a")
    assert gate.set_gate(frame(21))[1] is None


def test_frame_from_before_the_last_reading_is_not_skipped() -> None:
    gate = StillGate(1.0)
    pass_frames(gate, "a" * 20, start=1000)
    last_read = 1000 + round(SETTLE_S / FRAME_S)
    assert gate.set_gate(frame(last_read - 1))[0].gate == Gate.COMPARE
    assert gate.set_gate(frame(last_read + 1))[0].gate == Gate.SKIP


def test_clock_that_was_set_back_skips_no_frame() -> None:
    gate = StillGate(1.0)
    pass_frames(gate, "a" * 20, start=1000)
    assert gate.set_gate(frame(0))[0].gate == Gate.COMPARE


@pytest.mark.parametrize("forget", [True, False])
def test_camera_that_left_comes_back_as_a_new_one(forget: bool) -> None:
    gate = StillGate(1.0)
    pass_frames(gate, "a" * 20)
    if forget:
        gate.forget_camera("cam")
    assert gate.set_gate(frame(20))[0].gate == ("compare" if forget else "skip")
