"""What programs are told: the newest of each camera, the events that follow from it, and who listens to them."""

import itertools
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.display.display_state import DisplayFrame
from services.display.events import Change, NumberAppeared, NumberSighting, NumberTracker
from services.display.web.event_store import Event, EventStore
from shared.messaging.messages import CameraState

News = DisplayFrame | CameraState | Event
Listener = Callable[[News], None]
UNKEPT = 0  # the id of an event that the store failed to keep; SQLite counts from 1


@dataclass(slots=True)
class CameraView:
    """What is known of one camera."""

    state: CameraState | None = None
    shown: DisplayFrame | None = None


class DashboardState:
    """Lives in the page's event loop. clock: the queue's, in seconds; wall: seconds since 1970."""

    def __init__(
        self, store: EventStore | None, clock: Callable[[], float], wall: Callable[[], float] = time.time
    ) -> None:
        self.cameras: dict[str, CameraView] = {}
        self.listeners: set[Listener] = set()
        self.store = store
        self._clock, self._wall = clock, wall
        self._sightings: dict[str, NumberTracker] = {}
        self._events: dict[tuple[str, str, int], Event] = {}  # of the numbers in sight
        self._unkept = itertools.count(1)  # the ids of events where there is no store
        self._warned_at = -math.inf

    def age_s(self, at: float) -> float:
        """How long ago a time of the queue's clock was."""
        return max(0.0, self._clock() - at)

    def wall_time(self, at: float) -> float:
        """A time of the queue's clock, in seconds since 1970."""
        return self._wall() - self._clock() + at

    def show(self, news: Sequence[DisplayFrame | CameraState]) -> None:
        """Take in what is new, and tell whoever listens."""
        for item in news:
            if isinstance(item, DisplayFrame):
                self._see(item)
            elif item.state == "left":
                self.cameras.pop(item.camera, None)
            else:
                self.cameras.setdefault(item.camera, CameraView()).state = item
            self._tell(item)

    def _see(self, shown: DisplayFrame) -> None:
        self.cameras.setdefault(shown.camera, CameraView()).shown = shown
        sightings = self._sightings.setdefault(shown.camera, NumberTracker())
        self._keep(shown.camera, sightings.update(shown.numbers, shown.captured_at))

    def look(self) -> None:
        """Notice what has left a camera that shows nothing any more. To be called now and then."""
        for camera, sightings in self._sightings.items():
            self._keep(camera, sightings.look(self._clock()))

    def close(self) -> None:
        """Keep that whatever is in sight is not followed from now on."""
        if self.store:
            for event in self._events.values():
                self._close_event(event, self._wall(), event.confidence)
            self.store.close()

    def _keep(self, camera: str, changes: Sequence[Change]) -> None:
        for change in changes:
            take = self._open if isinstance(change, NumberAppeared) else self._shut
            self._tell(take(camera, change.sighting))

    def _open(self, camera: str, sighting: NumberSighting) -> Event:
        seen = (camera, sighting.text, self.wall_time(sighting.appeared_at), sighting.confidence)
        event = self._events[camera, sighting.text, sighting.which] = self._add(*seen)
        return event

    def _add(self, camera: str, number: str, appeared_at: float, confidence: float) -> Event:
        if not self.store:
            return Event(next(self._unkept), camera, number, appeared_at, None, confidence)
        try:
            return self.store.add(camera, number, appeared_at, confidence)
        except sqlite3.Error as error:
            self._warn(error)
            return Event(UNKEPT, camera, number, appeared_at, None, confidence)

    def _shut(self, camera: str, sighting: NumberSighting) -> Event:
        event = self._events.pop((camera, sighting.text, sighting.which))
        left_at = self.wall_time(sighting.seen_at)
        self._close_event(event, left_at, sighting.confidence)
        return replace(event, left_at=left_at, confidence=sighting.confidence)

    def _close_event(self, event: Event, left_at: float, confidence: float) -> None:
        if not self.store or event.id == UNKEPT:
            return
        try:
            self.store.close_event(event.id, left_at, confidence)
        except sqlite3.Error as error:
            self._warn(error)

    def _warn(self, error: sqlite3.Error) -> None:
        """Log at most once a second that the store fails: a full disk is no reason to tell nobody."""
        if self._clock() - self._warned_at > 1:
            self._warned_at = self._clock()
            logging.warning("an event could not be kept in RUN_DIR: %s", error)

    def _tell(self, news: News) -> None:
        for listener in tuple(self.listeners):
            listener(news)
