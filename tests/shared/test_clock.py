"""Ages are true across hosts."""

import pytest

from shared.clock import Clock
from shared.messages import Pong


@pytest.mark.parametrize(("error_s", "expected"), [(5.0, 5.0), (-5.0, -5.0), (0.0, 0.0)])
def test_clock_of_another_host_is_corrected(error_s: float, expected: float) -> None:
    """The queue is error_s ahead; the answers take 10 ms, and one takes 300 ms on its way back."""
    local = 100.0
    clock = Clock(lambda: local)
    for out, back in [(0.005, 0.005), (0.005, 0.3), (0.004, 0.006)]:
        sent_at, local = local, local + out + back
        clock.hear(Pong(sent_at, sent_at + out + error_s))
    assert clock.now() - local == pytest.approx(expected, abs=0.002)
