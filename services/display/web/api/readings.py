"""GET /api/readings and GET /api/events: what the cameras read now, and which numbers appeared and left."""

import sqlite3

from aiohttp import web

from services.display.web.conversions import event_info, reading_info
from services.display.web.schema import CameraQuery, EventList, EventsQuery, ReadingList
from services.display.web.state import DashboardState


class ReadingsApi:
    def __init__(self, state: DashboardState, *, keeps_events: bool) -> None:
        self._state, self._keeps_events = state, keeps_events

    async def list_readings(self, query: CameraQuery) -> ReadingList:
        """The newest reading of each camera."""
        frames = [
            camera.frame
            for name, camera in sorted(self._state.cameras.items())
            if camera.frame and query.camera in (None, name)
        ]
        return ReadingList(readings=[reading_info(frame, self._state) for frame in frames])

    async def list_events(self, query: EventsQuery) -> EventList:
        """Numbers that appeared in front of a camera and left, the newest first."""
        if not self._keeps_events:
            raise web.HTTPNotFound(text="no events are stored: EVENTS_DAYS is 0")
        try:
            events = self._state.store.find(query)
        except sqlite3.Error as error:
            raise web.HTTPConflict(text=str(error)) from error
        following = events[-1].id if len(events) == query.limit else None
        return EventList(events=[event_info(event) for event in events], next=following)
