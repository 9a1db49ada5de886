"""Ages are true across hosts."""

import pytest

from shared.messaging.clock import Clock
from shared.messaging.messages import Pong


def test_clock_that_jumps_is_believed_at_once() -> None:
    """A host was started again: what it said before is of another clock, though it was said faster."""
    local, clock = 100.0, Clock(lambda: local)
    for error_s, round_trip in [(5.0, 0.002)] * 5 + [(-900.0, 0.003)]:
        sent_at, local = local, local + round_trip
        clock.hear(Pong(sent_at, sent_at + round_trip / 2 + error_s))
    assert clock.now() - local == pytest.approx(-900, abs=0.002)


@pytest.mark.parametrize(("error_s", "expected"), [(5.0, 5.0), (-5.0, -5.0), (0.0, 0.0)])
def test_clock_of_another_host_is_corrected(error_s: float, expected: float) -> None:
    """The queue is error_s ahead; the answers take 10 ms, and one takes 300 ms on its way back."""
    local = 100.0
    clock = Clock(lambda: local)
    for out, back in [(0.005, 0.005), (0.005, 0.3), (0.004, 0.006)]:
        sent_at, local = local, local + out + back
        clock.hear(Pong(sent_at, sent_at + out + error_s))
    assert clock.now() - local == pytest.approx(expected, abs=0.002)
