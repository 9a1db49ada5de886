"""The addresses for programs, and what stands behind them; openapi.py describes the same."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.api.answers import Answers
from services.display.web.api.cameras import Cameras
from services.display.web.api.recordings import ID, Recordings
from services.display.web.api.stages import Stages
from services.display.web.api.stream import Streams
from services.display.web.api.webhook import Webhook
from services.display.web.event_store import EventStore
from services.display.web.explain.corrections import ID as CORRECTION_ID
from services.display.web.explain.corrections import CorrectionsApi, RecentReadings
from services.display.web.explain.handler import ExplanationApi
from services.display.web.snapshots import Snapshots
from services.display.web.state import DashboardState
from shared.messaging.messages import CameraReport
from shared.settings import ConfigError, Settings

LOOK_EVERY_S = 0.5  # how late it may be noticed that a number has left a camera that went


class Api:
    """All that programs may ask for. Lives in the page's event loop; only the properties are read from outside."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        """Open the store of events. Raises ConfigError where that can't be done."""
        self.desk = DashboardState(open_store(settings), clock)
        self.cameras = Cameras(self.desk, settings.run_dir)
        self.stages = Stages(settings.run_dir)
        self.streams = Streams(self.desk)
        self.snapshots = Snapshots(self.desk)
        memory = RecentReadings()
        self.why = ExplanationApi(settings, self.snapshots, memory)
        self.corrections = CorrectionsApi(settings.learned_dir, memory)
        self.recordings = Recordings(self.desk, settings.run_dir / "recordings")
        self._webhook = settings.webhook

    def show(self, news: Sequence[DisplayFrame | CameraReport]) -> None:
        """Take in what is new."""
        self.desk.update(news)
        self.snapshots.show(news)

    def add_routes(self, app: web.Application) -> None:
        """Add the addresses, and what has to run beside them."""
        answers = Answers(self.desk)
        app.router.add_get("/api/cameras", self.cameras.list)
        app.router.add_put("/api/cameras/{name}", self.cameras.put)
        app.router.add_delete("/api/cameras/{name}", self.cameras.delete)
        app.router.add_get("/api/stages", self.stages.serve)
        app.router.add_get("/api/readings", answers.readings)
        app.router.add_get("/api/events", answers.events)
        app.router.add_get("/api/openapi.json", answers.openapi)
        app.router.add_get("/api/stream", self.streams.serve_events)
        app.router.add_get("/api/ws", self.streams.serve_socket)
        app.router.add_get("/api/cameras/{name}/snapshot.jpg", self.snapshots.serve)
        app.router.add_get("/api/cameras/{name}/why", self.why.serve)
        app.router.add_get("/api/corrections", self.corrections.list)
        app.router.add_post("/api/corrections", self.corrections.keep)
        app.router.add_delete(f"/api/corrections/{{id:{CORRECTION_ID}}}", self.corrections.forget)
        app.router.add_get("/api/recordings", self.recordings.list)
        app.router.add_post("/api/recordings", self.recordings.start)
        app.router.add_get(f"/api/recordings/{{id:{ID}}}.mp4", self.recordings.give)
        app.router.add_delete(f"/api/recordings/{{id:{ID}}}", self.recordings.delete)
        app.on_shutdown.extend([self.streams.say_goodbye, self.recordings.say_goodbye])
        app.cleanup_ctx.append(self._run)

    async def _run(self, _: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._look())]
        if self._webhook:
            webhook = Webhook(self._webhook)
            self.desk.subscribers.add(webhook.put)
            tasks.append(asyncio.create_task(webhook.post_all()))
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.desk.close()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.desk.expire_numbers()


def open_store(settings: Settings) -> EventStore | None:
    """Open what keeps the events, where they are to be kept. Raises ConfigError."""
    if not settings.events_days:
        return None
    path = settings.run_dir / "events.sqlite"
    try:
        return EventStore(path, settings.events_days)
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"RUN_DIR={settings.run_dir} can't keep events in {path.name} ({error}).") from error
