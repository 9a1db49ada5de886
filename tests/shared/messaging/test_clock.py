"""The queue's clock is known on other hosts, so ages are true there."""

import pytest

from shared.messaging.clock import QueueClock
from shared.messaging.messages import Pong


def test_jump_of_the_queues_clock_is_followed_at_once() -> None:
    """The queue's host restarted: earlier pongs are of another clock, although their round trips were shorter."""
    local, clock = 100.0, QueueClock(lambda: local)
    for error_s, round_trip in [(5.0, 0.002)] * 5 + [(-900.0, 0.003)]:
        sent_at, local = local, local + round_trip
        clock.record_pong(Pong(sent_at, sent_at + round_trip / 2 + error_s))
    assert clock.now() - local == pytest.approx(-900, abs=0.002)


@pytest.mark.parametrize(("error_s", "expected"), [(5.0, 5.0), (-5.0, -5.0), (0.0, 0.0)])
def test_clock_of_another_host_is_corrected(error_s: float, expected: float) -> None:
    """The queue is error_s ahead; round trips take 10 ms, and one pong takes 300 ms."""
    local = 100.0
    clock = QueueClock(lambda: local)
    for out, back in [(0.005, 0.005), (0.005, 0.3), (0.004, 0.006)]:
        sent_at, local = local, local + out + back
        clock.record_pong(Pong(sent_at, sent_at + out + error_s))
    assert clock.now() - local == pytest.approx(expected, abs=0.002)
