"""The questions that are answered at once: what the cameras read, what came and went."""

from aiohttp import web

from services.display.web.api.openapi import DOCUMENT
from services.display.web.json_views import of_event, of_reading
from services.display.web.requests import check, to_camera, to_question
from services.display.web.state import DashboardState

NO_EVENTS = "no events are kept here: EVENTS_DAYS is 0"


class Answers:
    """Handlers of GET requests."""

    def __init__(self, desk: DashboardState) -> None:
        self._desk = desk

    async def readings(self, request: web.Request) -> web.Response:
        """The newest reading of each camera, or of one."""
        wanted = to_camera(request.query)
        shown = [c.frame for name, c in sorted(self._desk.cameras.items()) if c.frame and wanted in (None, name)]
        return web.json_response({"readings": [of_reading(one, self._desk) for one in shown]})

    async def events(self, request: web.Request) -> web.Response:
        """The numbers that came and went, the newest first; next is what `before` has to be for those before."""
        question = to_question(request.query)
        if not self._desk.store:
            raise web.HTTPNotFound(text=NO_EVENTS)
        events = self._desk.store.find(question)
        following = events[-1].id if len(events) == question.limit else None
        return web.json_response({"events": [of_event(event) for event in events], "next": following})

    async def openapi(self, request: web.Request) -> web.Response:
        """This interface, described."""
        check(request.query, {})
        return web.json_response(DOCUMENT)
