"""Which frames must be read: those of a page that moves, all; of one that stands still, one a second."""

from collections import Counter

import pytest

from services.queue.still_gate import SETTLE_S, StillGate, StillReference
from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.pipeline import Gate

FRAME_S = 1 / 32  # exact, so that ends of times are too


def frame(number: int, every_frame: bool = False) -> Frame:
    return Frame("cam", number, 100 + number * FRAME_S, every_frame, b"jpeg")


def read(gate: StillGate, asked: Frame, compared: StillReference | None, shows: str) -> None:
    """What a worker and the queue do with a frame whose page shows this."""
    is_news = asked.gate != "open" and asked.sketch != shows.encode()
    page = GrayFrame("cam", asked.seq, asked.captured_at, 2, 1, 1, b"\0\0", shows.encode() if is_news else b"")
    gate.note(page, compared, Reading("cam", asked.seq, asked.captured_at, 2, 1, ()))


def watch(gate: StillGate, scenes: str, start: int = 0) -> list[str]:
    """Pass a frame for each letter, which is what it shows; what becomes of each: skipped, or read."""
    said = []
    for number, shows in enumerate(scenes, start):
        asked, compared = gate.ask(frame(number))
        is_skipped = asked.gate == Gate.SKIP and asked.sketch == shows.encode()
        if not is_skipped:
            read(gate, asked, compared, shows)
        said.append("skip" if is_skipped else asked.gate)
    return said


def test_page_that_stands_still_is_read_until_it_has_settled_and_then_once_a_second() -> None:
    said = watch(StillGate(1.0), "a" * 81)
    settled = round(SETTLE_S / FRAME_S)
    assert said[: settled + 1] == ["compare", *["open"] * (settled - 1), "compare"]
    assert said[settled + 1 :] == ["skip"] * 31 + ["compare"] + ["skip"] * 31 + ["compare"]


def test_page_that_moves_is_read_every_time_and_compared_twice_a_second() -> None:
    said = Counter(watch(StillGate(1.0), "".join(map(chr, range(65, 65 + 64)))))
    assert said == {"open": 60, "compare": 4}


def test_change_is_read_at_once_and_until_it_has_settled() -> None:
    gate = StillGate(1.0)
    watch(gate, "a" * 20)
    asked, compared = gate.ask(frame(20))
    assert (asked.gate, asked.sketch) == ("skip", b"a")
    read(gate, asked, compared, "b")
    assert watch(gate, "b" * 18, start=21) == ["open"] * 15 + ["compare"] + ["skip"] * 2


def test_change_that_creeps_in_is_compared_with_the_page_that_was_read() -> None:
    gate = StillGate(1.0)
    watch(gate, "a" * 20)
    asked = {gate.ask(frame(number))[0].sketch for number in range(20, 48)}
    assert asked == {b"a"}


def test_file_that_is_read_completely_is_never_compared() -> None:
    gate = StillGate(1.0)
    watch(gate, "a" * 20)
    assert gate.ask(frame(20, every_frame=True)) == (frame(20, every_frame=True), None)


def test_gate_of_zero_seconds_is_open() -> None:
    assert set(watch(StillGate(0.0), "a" * 64)) == {"open"}


def test_shortest_time_between_readings_is_the_one_that_is_set() -> None:
    assert watch(StillGate(0.1), "a" * 9)[:5] == ["compare", "open", "open", "open", "compare"]


def test_comparison_with_a_page_that_is_no_longer_the_last_proves_nothing() -> None:
    """Two workers: one finds a frame the same as before, after the other has found a newer one changed."""
    gate = StillGate(1.0)
    watch(gate, "a")
    older, newer = gate.ask(frame(20)), gate.ask(frame(21))
    read(gate, *newer, "b")
    read(gate, *older, "a")
    asked, _ = gate.ask(frame(22))
    assert asked.gate == Gate.OPEN


def test_clock_that_was_set_back_closes_no_gate() -> None:
    gate = StillGate(1.0)
    watch(gate, "a" * 20, start=1000)
    assert gate.ask(frame(0))[0].gate == Gate.COMPARE


@pytest.mark.parametrize("forget", [True, False])
def test_camera_that_has_left_comes_back_as_a_new_one(forget: bool) -> None:
    gate = StillGate(1.0)
    watch(gate, "a" * 20)
    if forget:
        gate.forget("cam")
    assert gate.ask(frame(20))[0].gate == ("compare" if forget else "skip")
