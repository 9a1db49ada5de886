"""A viewer's subscription to the queue: asks for views in time, and receives them."""

import math
from collections.abc import Callable
from time import monotonic

from shared.messaging.messages import Message, Ready, View
from shared.messaging.sockets import HEARTBEAT_S, QueueLink
from shared.pipeline import Stage


class ViewSubscription:
    """Keeps credit for views at the queue; renews it at the half, on a change, and as a heartbeat."""

    def __init__(self, queue: QueueLink, name: str, credit: int, clock: Callable[[], float] = monotonic) -> None:
        """Subscribe as a viewer of this name. The clock is this process's own, because the queue's may jump."""
        self._queue, self._name, self._credit, self._clock = queue, name, credit, clock
        self._remaining = 0  # views that the queue may still send
        self._asked_at = -math.inf
        self._with_jpeg = False

    def receive(self, timeout_s: float, *, with_jpeg: bool = True) -> list[Message]:
        """Ask for more views if it is time, and return the views and camera reports of one send."""
        now = self._clock()
        is_due = self._remaining <= self._credit // 2 or now - self._asked_at >= HEARTBEAT_S
        if is_due or with_jpeg != self._with_jpeg:
            ready = Ready(role=Stage.DISPLAY, name=self._name, credit=self._credit, with_jpeg=with_jpeg)
            if self._queue.send(ready):
                self._remaining, self._asked_at, self._with_jpeg = self._credit, now, with_jpeg
        messages = self._queue.receive(timeout_s)
        self._remaining -= sum(isinstance(message, View) for message in messages)
        return messages
