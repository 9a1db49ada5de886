"""The queue's clock as another process knows it, which may run on another host: ages are true on both."""

import time
from collections import deque
from collections.abc import Callable

from shared.messaging.messages import Pong

JUMP_S = 0.05  # a host that was suspended or started again; far more than clocks drift apart in 32 answers


class Clock:
    """The difference to the queue's clock, measured: it is taken from the ping that was answered fastest."""

    def __init__(self, local: Callable[[], float] = time.monotonic) -> None:
        self.local = local
        self._pongs: deque[tuple[float, float]] = deque(maxlen=32)  # round trip, difference: clocks drift, so few
        self._offset = 0.0

    def now(self) -> float:
        """The queue's time, in seconds."""
        return self.local() + self._offset

    def hear(self, pong: Pong) -> None:
        """Learn from an answer. A difference that the round trip explains is none: the clock is the same one."""
        round_trip = self.local() - pong.sent_at
        difference = pong.queue_at - pong.sent_at - round_trip / 2
        best, offset = min(self._pongs, default=(round_trip, difference))
        if (
            abs(difference - offset) > (round_trip + best) / 2 + JUMP_S
        ):  # no round trip explains it: it is another clock
            self._pongs.clear()
        self._pongs.append((round_trip, difference))
        best, offset = min(self._pongs)
        self._offset = offset if abs(offset) > best else 0.0
