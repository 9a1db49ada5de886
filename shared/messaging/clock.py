"""The queue's clock as measured by another process, which may run on another host."""

import time
from collections import deque
from collections.abc import Callable

from shared.messaging.messages import Pong

JUMP_S = 0.05  # the queue's host was suspended or restarted; clocks drift far less within 32 pongs


class QueueClock:
    """Measures the offset to the queue's clock, and trusts the pong with the shortest round trip."""

    def __init__(self, local: Callable[[], float] = time.monotonic) -> None:
        self.local = local
        self._pongs: deque[tuple[float, float]] = deque(maxlen=32)  # round trip, offset: few, since clocks drift
        self._offset_s = 0.0

    def now(self) -> float:
        """Return the queue's time, in seconds."""
        return self.local() + self._offset_s

    def record_pong(self, pong: Pong) -> None:
        """Learn from a pong. An offset within the round trip counts as 0: the clock is the same one."""
        round_trip_s = self.local() - pong.sent_at
        offset_s = pong.queue_at - pong.sent_at - round_trip_s / 2
        best_s, known_s = min(self._pongs, default=(round_trip_s, offset_s))
        if abs(offset_s - known_s) > (round_trip_s + best_s) / 2 + JUMP_S:  # round trips do not explain it
            self._pongs.clear()
        self._pongs.append((round_trip_s, offset_s))
        best_s, known_s = min(self._pongs)
        self._offset_s = known_s if abs(known_s) > best_s else 0.0
