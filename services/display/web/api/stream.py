"""GET /api/stream and /api/ws: updates as they come. A slow client gets only the newest reading of each camera."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.conversions import camera_change, encode_update, event_info, reading_info
from services.display.web.event_store import Event
from services.display.web.schema import CameraQuery, Model
from services.display.web.state import DashboardState, Update
from services.display.web.tasks import run_task
from services.display.web.websockets import ProtocolError, close_violation
from shared.messaging.messages import CameraReport
from shared.telemetry import metrics

MAX_CLIENTS = 32
MAX_WAITING = 1000  # events and states for one client; beyond that the oldest are dropped, and counted
KEEPALIVE_S = 15.0  # of silence; then a comment is sent, which fails if the client is gone
MAX_MESSAGE_BYTES = 512
FULL = f"{MAX_CLIENTS} clients are connected already"


class UpdateQueue:
    """The updates that wait for one client."""

    def __init__(self, state: DashboardState, camera: str | None) -> None:
        self._state, self._camera = state, camera
        self._readings: dict[str, DisplayFrame] = {}  # the newest of each camera
        self._others: deque[CameraReport | Event] = deque(maxlen=MAX_WAITING)
        self._has_updates = asyncio.Event()

    def enqueue(self, update: Update) -> None:
        """Queue an update if it is of the requested camera."""
        if self._camera not in (None, update.camera):
            return
        if isinstance(update, DisplayFrame):
            self._readings[update.camera] = update
        else:
            if len(self._others) == MAX_WAITING:
                metrics.EVENTS_LOST.labels("stream").inc()
            self._others.append(update)
        self._has_updates.set()

    async def next(self, timeout_s: float | None) -> tuple[str, Model] | None:
        """Return the kind and the values of the next update; None after the timeout."""
        while not (self._others or self._readings):
            self._has_updates.clear()
            try:
                await asyncio.wait_for(self._has_updates.wait(), timeout_s)
            except TimeoutError:
                return None
        if not self._others:
            return "reading", reading_info(self._readings.pop(next(iter(self._readings))), self._state)
        update = self._others.popleft()
        if isinstance(update, CameraReport):
            return "camera", camera_change(update, self._state)
        return update.kind, event_info(update)


class StreamApi:
    """All clients of the two streams."""

    def __init__(self, state: DashboardState) -> None:
        self._state = state
        self._tasks: set[asyncio.Task[Any] | None] = set()

    @property
    def has_clients(self) -> bool:
        """Whether a client is connected. May be read from any thread."""
        return bool(self._tasks)

    async def serve_events(self, request: web.Request, query: CameraQuery) -> web.StreamResponse:
        """Server-sent events as they come: reading, camera, appeared, left."""
        self._check_capacity()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with self._subscribe(query.camera) as queue, suppress(ConnectionError):
            while True:
                if update := await queue.next(KEEPALIVE_S):
                    kind, values = update
                    await response.write(f"event: {kind}\ndata: {msgspec.json.encode(values).decode()}\n\n".encode())
                else:
                    await response.write(b": quiet\n\n")
        return response

    async def serve_socket(self, request: web.Request, query: CameraQuery) -> web.WebSocketResponse:
        """The same over a WebSocket, as JSON with a `kind`; the client must not send anything."""
        self._check_capacity()
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, compress=False, heartbeat=KEEPALIVE_S)
        await socket.prepare(request)
        with self._subscribe(query.camera) as queue:
            async with run_task(send_all(socket, queue), socket):
                async for _ in socket:
                    await close_violation(socket, ProtocolError("this socket takes no messages"))
        return socket

    def _check_capacity(self) -> None:
        if len(self._tasks) >= MAX_CLIENTS:
            raise web.HTTPTooManyRequests(text=FULL)

    @contextmanager
    def _subscribe(self, camera: str | None) -> Iterator[UpdateQueue]:
        queue, task = UpdateQueue(self._state, camera), asyncio.current_task()
        self._state.subscribers.add(queue.enqueue)
        self._tasks.add(task)
        try:
            yield queue
        finally:
            self._state.subscribers.discard(queue.enqueue)
            self._tasks.discard(task)

    async def close_all(self, _: web.Application) -> None:
        """End every stream."""
        for task in tuple(self._tasks):
            if task:
                task.cancel()


async def send_all(socket: web.WebSocketResponse, queue: UpdateQueue) -> None:
    """Send updates until the connection ends."""
    with suppress(ConnectionError):
        while not socket.closed:
            if update := await queue.next(None):
                await socket.send_str(encode_update(*update).decode())
