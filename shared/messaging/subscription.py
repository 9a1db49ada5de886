"""A viewer's subscription to the queue: asks for views in time, and receives them."""

import math
from collections.abc import Callable
from time import monotonic

from shared.messaging.messages import Message, Ready, Selection, View
from shared.messaging.sockets import HEARTBEAT_S, QueueLink
from shared.pipeline import Stage

EVERYTHING = Selection()


class ViewSubscription:
    """Keeps credit for views at the queue; renews it at the half, on a change, and as a heartbeat."""

    def __init__(self, queue: QueueLink, name: str, credit: int, clock: Callable[[], float] = monotonic) -> None:
        """Subscribe as a viewer of this name. The clock is this process's own, because the queue's may jump."""
        self._queue, self._name, self._credit, self._clock = queue, name, credit, clock
        self._remaining = 0  # views that the queue may still send
        self._asked_at = self._selected_at = -math.inf
        self._selection: Selection | None = None  # that the queue was sent

    def receive(self, timeout_s: float, selection: Selection = EVERYTHING) -> list[Message]:
        """Ask for more views if it is time, and return the views and camera reports of one send."""
        self._ask(self._clock(), selection)
        messages = self._queue.receive(timeout_s)
        self._remaining -= sum(isinstance(message, View) for message in messages)
        return messages

    def _ask(self, now: float, selection: Selection) -> None:
        is_due = now - self._asked_at >= HEARTBEAT_S
        is_selected = selection == self._selection and now - self._selected_at < HEARTBEAT_S
        if not is_due and is_selected and self._remaining > self._credit // 2:
            return
        with_jpeg = selection.pictures is None or bool(selection.pictures)
        ready = Ready(role=Stage.DISPLAY, name=self._name, credit=self._credit, with_jpeg=with_jpeg)
        if not self._queue.send(ready, *(() if is_selected else (selection,))):
            return
        self._remaining, self._asked_at = self._credit, now
        if not is_selected:
            self._selection, self._selected_at = selection, now
