"""The table of the API's endpoints, and the objects behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.fan_in import CellStatus
from services.display.web.api.cameras import CamerasApi
from services.display.web.api.docs_page import render_docs
from services.display.web.api.openapi import make_document
from services.display.web.api.readings import ReadingsApi
from services.display.web.api.recordings import RecordingsApi
from services.display.web.api.stages import StagesApi
from services.display.web.api.stream import StreamApi
from services.display.web.api.webhook import Webhook
from services.display.web.endpoint import Endpoint
from services.display.web.event_store import EventStore
from services.display.web.explain.corrections import CorrectionsApi, RecentCrops
from services.display.web.explain.frozen_frames import FrozenFrames
from services.display.web.explain.handler import ExplanationApi
from services.display.web.schema import Document
from services.display.web.snapshots import Snapshots
from services.display.web.state import DashboardState
from services.display.web.tasks import keep_running
from shared.file_reading.frame_records import FrameRecords
from shared.messaging.messages import CameraReport
from shared.settings import Settings

JPEG, MP4, EVENT_STREAM = "image/jpeg", "video/mp4", "text/event-stream"
MAX_EVENTS_IN_MEMORY = 1000
EXPIRE_EVERY_S = 0.5  # how often numbers of silent cameras are checked


class Api:
    """Lives in the web server's event loop."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        """Open the event store."""
        store = open_store(settings)
        self.state = DashboardState(store, clock)
        self.stream = StreamApi(self.state, FrameRecords(settings.run_dir))
        self.snapshots = Snapshots(self.state)
        self.crops, self.frozen_frames = RecentCrops(), FrozenFrames()
        self.stages = StagesApi(settings.run_dir)
        self._recordings = RecordingsApi(self.state, settings.run_dir / "recordings")
        self._webhook = Webhook(settings.webhook, store)
        self.endpoints = self._list_endpoints(settings)
        self._document = make_document(self.endpoints)

    def _list_endpoints(self, settings: Settings) -> list[Endpoint]:
        cameras = CamerasApi(self.state, settings.run_dir, has_cells=bool(settings.cells))
        readings = ReadingsApi(self.state, keeps_events=settings.events_days > 0)
        explanation = ExplanationApi(settings, self.snapshots, self.frozen_frames, self.crops)
        corrections = CorrectionsApi(settings.learned_dir, self.crops)
        recordings, stream = self._recordings, self.stream
        camera, frame = "/api/cameras/{name}", "/api/frames/{frame_id}"
        recording = "/api/recordings/{recording_id}"
        created = (201,)
        return [
            Endpoint("GET", "/api/cameras", cameras.list_cameras, errors=(409,)),
            Endpoint("GET", "/api/cells", cameras.list_cells),
            Endpoint("PUT", camera, cameras.put_camera, statuses=(200, 201), errors=(409,)),
            Endpoint("DELETE", camera, cameras.delete_camera, errors=(404, 409)),
            Endpoint("GET", f"{camera}/snapshot.jpg", self.snapshots.get_snapshot, errors=(404, 409), media_type=JPEG),
            Endpoint("GET", f"{camera}/explanation", explanation.get_explanation, errors=(404, 409)),
            Endpoint("GET", f"{frame}/explanation", explanation.get_frozen_explanation, errors=(404, 409)),
            Endpoint("GET", "/api/readings", readings.list_readings),
            Endpoint("GET", "/api/events", readings.list_events, errors=(404, 409)),
            Endpoint("GET", "/api/stream", stream.serve_events, errors=(429,), media_type=EVENT_STREAM),
            Endpoint("GET", "/api/webhook", self._webhook.get_webhook, errors=(404, 409)),
            Endpoint("GET", "/api/stages", self.stages.list_stages),
            Endpoint("GET", "/api/corrections", corrections.list_corrections, errors=(409,)),
            Endpoint("POST", "/api/corrections", corrections.add_correction, statuses=created, errors=(404, 409, 429)),
            Endpoint("DELETE", "/api/corrections/{correction_id}", corrections.delete_correction, errors=(404, 409)),
            Endpoint("GET", "/api/recordings", recordings.list_recordings),
            Endpoint("POST", "/api/recordings", recordings.start_recording, statuses=created, errors=(404, 409, 429)),
            Endpoint("GET", f"{recording}.mp4", recordings.get_recording, errors=(404, 409), media_type=MP4),
            Endpoint("DELETE", recording, recordings.delete_recording, errors=(404,)),
            Endpoint("GET", "/api/openapi.json", self.get_document),
        ]

    async def get_document(self) -> Document:
        """This API as an OpenAPI document."""
        return self._document

    async def get_docs(self) -> web.Response:
        """This API as a page to read."""
        return web.Response(text=render_docs(self._document), content_type="text/html")

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        """Apply updates, and pass them to all clients."""
        self.state.cells = cells
        self.state.update(updates)
        self.snapshots.update(updates)

    def add_routes(self, app: web.Application) -> None:
        """Register the endpoints, and the tasks that run along with them."""
        for endpoint in self.endpoints:
            endpoint.add_to(app)
        # OpenAPI describes neither WebSockets nor pages
        Endpoint("GET", "/api/ws", self.stream.serve_socket).add_to(app)
        Endpoint("GET", "/api/docs", self.get_docs).add_to(app)
        app.on_shutdown.extend([self.stream.close_all, self._recordings.stop_all])
        app.cleanup_ctx.append(self._run_tasks)

    async def _run_tasks(self, _: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(keep_running("expiry", self._expire_numbers))]
        if self._webhook.is_on:
            self.state.subscribers.add(self._webhook.notice)
            tasks.append(asyncio.create_task(keep_running("webhook", self._webhook.post_all)))
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.state.close()

    async def _expire_numbers(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_EVERY_S)
            self.state.expire_numbers()


def open_store(settings: Settings) -> EventStore:
    """Open the event store, which is in memory if EVENTS_DAYS is 0."""
    has_webhook = bool(settings.webhook)
    if not settings.events_days:
        return EventStore(None, days=1, max_events=MAX_EVENTS_IN_MEMORY, has_webhook=has_webhook)
    return EventStore(settings.run_dir / "events.sqlite", settings.events_days, has_webhook=has_webhook)
