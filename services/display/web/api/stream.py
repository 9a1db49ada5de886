"""What is new, as it comes, in a WebSocket or as server-sent events; of readings a slow listener gets the newest."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from aiohttp import WSCloseCode, web

from services.display.display_state import DisplayFrame
from services.display.web.event_store import Event
from services.display.web.json_views import Values, of_event, of_reading, of_state
from services.display.web.requests import to_camera
from services.display.web.state import DashboardState, Update
from services.display.web.wire import encode
from shared.messaging.messages import CameraReport
from shared.telemetry import metrics

MAX_LISTENERS = 32
MAX_WAITING = 1000  # events and states for one listener; then the oldest are dropped, and counted
PATIENCE_S = 15.0  # of silence; then a sign of life, by which who has gone is noticed
WORD_BYTES = 512
FULL = f"{MAX_LISTENERS} programs listen already"


class Listener:
    """What waits for one program."""

    def __init__(self, desk: DashboardState, camera: str | None) -> None:
        self._desk, self._camera = desk, camera
        self._readings: dict[str, DisplayFrame] = {}
        self._others: deque[CameraReport | Event] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()

    def put(self, item: Update) -> None:
        """Let something wait, if it is of the camera that is listened to."""
        if self._camera not in (None, item.camera):
            return
        if isinstance(item, DisplayFrame):
            self._readings[item.camera] = item
        else:
            if len(self._others) == MAX_WAITING:
                metrics.EVENTS_LOST.labels("stream").inc()
            self._others.append(item)
        self._news.set()

    async def next(self, patience_s: float | None) -> tuple[str, Values]:
        """Return the kind of what is new and its values, as soon as there is something; no kind when patience ends."""
        while not (self._others or self._readings):
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), patience_s)
            except TimeoutError:
                return "", {}
        if not self._others:
            return "reading", of_reading(self._readings.pop(next(iter(self._readings))), self._desk)
        item = self._others.popleft()
        if isinstance(item, CameraReport):
            return "camera", of_state(item, self._desk)
        return ("appeared" if item.left_at is None else "left"), of_event(item)


class Streams:
    """All programs that listen."""

    def __init__(self, desk: DashboardState) -> None:
        self._desk = desk
        self._tasks: set[asyncio.Task[Any] | None] = set()

    @property
    def are_used(self) -> bool:
        """Whether a program listens."""
        return bool(self._tasks)

    async def serve_events(self, request: web.Request) -> web.StreamResponse:
        """Send server-sent events until the program leaves."""
        camera = self._admit(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with self._listening(camera) as listener, suppress(ConnectionError):
            while True:
                kind, values = await listener.next(PATIENCE_S)
                await response.write(f"event: {kind}\ndata: {encode(values)}\n\n".encode() if kind else b": quiet\n\n")
        return response

    async def serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        """Send text messages until the program leaves; it has nothing to say."""
        camera = self._admit(request)
        socket = web.WebSocketResponse(max_msg_size=WORD_BYTES, compress=False, heartbeat=PATIENCE_S)
        await socket.prepare(request)
        with self._listening(camera) as listener:
            sender = asyncio.create_task(send_all(socket, listener))
            async for _ in socket:
                metrics.REFUSED.labels("protocol").inc()
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"nothing is understood here")
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
        return socket

    def _admit(self, request: web.Request) -> str | None:
        if len(self._tasks) >= MAX_LISTENERS:
            raise web.HTTPTooManyRequests(text=FULL)
        return to_camera(request.query)

    @contextmanager
    def _listening(self, camera: str | None) -> Iterator[Listener]:
        listener, task = Listener(self._desk, camera), asyncio.current_task()
        self._desk.subscribers.add(listener.put)
        self._tasks.add(task)
        try:
            yield listener
        finally:
            self._desk.subscribers.discard(listener.put)
            self._tasks.discard(task)

    async def say_goodbye(self, _: web.Application) -> None:
        """End every stream."""
        for task in tuple(self._tasks):
            if task:
                task.cancel()


async def send_all(socket: web.WebSocketResponse, listener: Listener) -> None:
    """Send what is new until the connection ends."""
    with suppress(ConnectionError):
        while not socket.closed:
            kind, values = await listener.next(None)
            await socket.send_str(encode({"kind": kind, **values}))
