"""The state that the API reports: each camera's newest frame and state, the cells, the events and their subscribers."""

import logging
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.display.display_state import DisplayFrame
from services.display.events import EventKind, NumberEvent, NumberTracker
from services.display.fan_in import CellStatus
from services.display.web.event_store import Event, EventStore
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState

Update = DisplayFrame | CameraReport | Event
Subscriber = Callable[[Update], None]
NOT_STORED = 0  # the id of an event that could not be stored; SQLite counts from 1
WARN_EVERY_S = 1.0


@dataclass(slots=True)
class CameraView:
    """The newest state and frame of one camera."""

    state: CameraReport | None = None
    frame: DisplayFrame | None = None


class DashboardState:
    """Lives in the web server's event loop. clock: the queue's, in seconds; wall: seconds since 1970."""

    def __init__(self, store: EventStore, clock: Callable[[], float], wall: Callable[[], float] = time.time) -> None:
        self.cameras: dict[str, CameraView] = {}
        self.cells: Sequence[CellStatus] = ()
        self.subscribers: set[Subscriber] = set()
        self.store = store
        self._clock, self._wall = clock, wall
        self._trackers: dict[str, NumberTracker] = {}
        self._events: dict[tuple[str, int], Event] = {}  # of the numbers in front of the cameras
        self._warned_at = -math.inf

    def age_s(self, at: float) -> float:
        """Return the time since a time of the queue's clock."""
        return max(0.0, self._clock() - at)

    def wall_now(self) -> float:
        """Return seconds since 1970."""
        return self._wall()

    def wall_time(self, at: float) -> float:
        """Convert a time of the queue's clock to seconds since 1970."""
        return self._wall() - self._clock() + at

    def update(self, updates: Sequence[DisplayFrame | CameraReport]) -> None:
        """Apply updates in order, and pass them and the events that follow to all subscribers."""
        for item in updates:
            if isinstance(item, DisplayFrame):
                self.cameras.setdefault(item.camera, CameraView()).frame = item
                tracker = self._trackers.setdefault(item.camera, NumberTracker())
                self._handle(item.camera, tracker.update(item.seen, item.captured_at, (item.width, item.height)))
            elif item.state == CameraState.LEFT:
                self.cameras.pop(item.camera, None)
                if item.camera in self._trackers:
                    self._handle(item.camera, self._trackers.pop(item.camera).expire(math.inf))
            else:
                self.cameras.setdefault(item.camera, CameraView()).state = item
            self._publish(item)

    def expire_numbers(self) -> None:
        """Report numbers that left cameras which send no frames any more. Call it about twice a second."""
        for camera, tracker in self._trackers.items():
            self._handle(camera, tracker.expire(self._clock()))

    def close(self) -> None:
        """End the events of all numbers, since nothing tracks them after this, and close the store."""
        for event in self._events.values():
            self._store_end(replace(event, left_at=self._wall()))
        self.store.close()

    def _handle(self, camera: str, events: Sequence[NumberEvent]) -> None:
        for happened in events:
            number = happened.number
            if happened.kind is EventKind.APPEARED:
                event = self._store_start(
                    Event(
                        id=NOT_STORED,
                        camera=camera,
                        number=number.text,
                        appeared_at=self.wall_time(number.first_read_at),
                        left_at=None,
                        confidence=number.confidence,
                    )
                )
                self._events[camera, number.key] = event
            else:
                event = replace(
                    self._events.pop((camera, number.key)),
                    left_at=self.wall_time(number.last_read_at),
                    confidence=number.confidence,
                )
                self._store_end(event)
            self._publish(event)

    def _store_start(self, event: Event) -> Event:
        """Return the event with its id."""
        try:
            return replace(event, id=self.store.add(event))
        except sqlite3.Error as error:
            self._warn(error)
            return event

    def _store_end(self, event: Event) -> None:
        if event.id == NOT_STORED:
            return
        try:
            self.store.end(event)
        except sqlite3.Error as error:
            self._warn(error)

    def _warn(self, error: sqlite3.Error) -> None:
        """Log at most once a second that the store fails; subscribers still get the event."""
        if self._clock() - self._warned_at > WARN_EVERY_S:
            self._warned_at = self._clock()
            logging.warning("an event could not be stored in RUN_DIR: %s", error)

    def _publish(self, update: Update) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber(update)
