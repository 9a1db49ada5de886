"""GET /api/stream and /api/ws: updates as they come. A slow client gets only the newest reading of each live camera.

Of a file that is read once every reading comes, from the record of the display. Each has an id in the stream of events;
a client that connects again gives the last one that it has (Last-Event-ID), and goes on after it.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.conversions import camera_change, encode_update, event_info, reading_info, record_info
from services.display.web.endpoint import convert
from services.display.web.event_store import Event
from services.display.web.schema import Model, RecordId, StreamQuery
from services.display.web.state import DashboardState, Update
from services.display.web.tasks import run_task
from services.display.web.web_log import LOG
from services.display.web.websockets import ProtocolError, close_violation, make_socket, receive_messages
from shared.file_reading.frame_records import FrameRecord, FrameRecords
from shared.messaging.messages import CameraReport
from shared.telemetry import metrics

MAX_CLIENTS = 32
MAX_WAITING = 1000  # events and states for one client; beyond that the oldest are dropped, and counted
START_S = 5.0  # a client that connects after the display was replaced gets what was recorded since
RECORDS_AT_ONCE = 100  # recorded readings that are fetched at once: 0.5 ms
KEEPALIVE_S = 15.0  # of silence; then a comment is sent, which fails if the client is gone
TAKEN_WITHIN_S = 30.0  # by a client that reads; one that does not would keep its place for ever
MAX_MESSAGE_BYTES = 512
FULL = f"{MAX_CLIENTS} clients are connected already"


@dataclass(frozen=True, slots=True)
class StreamItem:
    """An update for a client; record_id names a recorded reading."""

    kind: str
    values: Model
    record_id: str = ""


class UpdateQueue:
    """The updates that wait for one client."""

    def __init__(
        self, state: DashboardState, camera: str | None, records: FrameRecords, after: str | None = None
    ) -> None:
        """after: the id of the last recorded reading that the client has; None for those that come from now on."""
        self._state, self._camera, self._records = state, camera, records
        self._recorded: deque[FrameRecord] = deque()
        self._last_id = find_last_id(records) if after is None else after
        self._has_records = after is not None  # perhaps
        self._readings: dict[str, DisplayFrame] = {}  # the newest of each camera
        self._others: deque[CameraReport | Event] = deque(maxlen=MAX_WAITING)
        self._has_updates = asyncio.Event()

    @property
    def camera(self) -> str | None:
        """The only camera that the client asks for; None for all."""
        return self._camera

    def enqueue(self, update: Update) -> None:
        """Queue an update if it is of the requested camera."""
        if self._camera not in (None, update.camera):
            return
        if isinstance(update, DisplayFrame):
            if update.position:  # it comes from the record
                return
            self._readings[update.camera] = update
        else:
            if len(self._others) == MAX_WAITING:
                metrics.EVENTS_LOST.labels("stream").inc()
            self._others.append(update)
        self._has_updates.set()

    def announce_records(self) -> None:
        """Note that there may be new recorded readings."""
        self._has_records = True
        self._has_updates.set()

    async def next(self, timeout_s: float | None) -> StreamItem | None:
        """Return the next update; None after the timeout."""
        while not (self._others or self._readings or self._find_records()):
            self._has_updates.clear()
            try:
                await asyncio.wait_for(self._has_updates.wait(), timeout_s)
            except TimeoutError:
                return None
        if self._others:
            update = self._others.popleft()
            if isinstance(update, CameraReport):
                return StreamItem("camera", camera_change(update, self._state))
            return StreamItem(update.kind, event_info(update))
        if self._readings:
            return StreamItem("reading", reading_info(self._readings.pop(next(iter(self._readings))), self._state))
        record = self._recorded.popleft()
        return StreamItem("reading", record_info(record, self._state), record.id)

    def _find_records(self) -> bool:
        """Return whether recorded readings wait; they are fetched some at a time."""
        if not self._recorded and self._has_records:
            try:
                self._recorded += self._records.find_after(self._last_id, self._camera, RECORDS_AT_ONCE)
            except sqlite3.Error as error:
                LOG.warning("recorded readings can't be read from RUN_DIR: %s", error)
            self._has_records = len(self._recorded) == RECORDS_AT_ONCE
            self._last_id = self._recorded[-1].id if self._recorded else self._last_id
        return bool(self._recorded)


def find_last_id(records: FrameRecords) -> str:
    """Return the id of the newest recorded reading; "" if there is none, or none can be read."""
    try:
        return records.find_last_id()
    except sqlite3.Error:
        return ""


class StreamApi:
    """All clients of the two streams."""

    def __init__(self, state: DashboardState, records: FrameRecords) -> None:
        self._state, self._records = state, records
        self._started_at, self._first_id = time.monotonic(), find_last_id(records)
        self._queues: set[UpdateQueue] = set()
        self._tasks: set[asyncio.Task[Any] | None] = set()

    def followed_cameras(self) -> frozenset[str] | None:
        """Return the cameras that a client asks for; None for all. May be called from any thread."""
        cameras = {queue.camera for queue in tuple(self._queues)}
        return None if None in cameras else frozenset(camera for camera in cameras if camera)

    def announce_records(self) -> None:
        """Let all clients know that frames of files were recorded."""
        for queue in self._queues:
            queue.announce_records()

    async def serve_events(self, request: web.Request, query: StreamQuery) -> web.StreamResponse:
        """Server-sent events as they come: reading, camera, appeared, left."""
        self._check_capacity()
        after = query.after
        if last := request.headers.get("Last-Event-ID"):
            after = convert(last, RecordId, "Last-Event-ID")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with self._subscribe(query.camera, after) as queue, suppress(ConnectionError, TimeoutError):
            await response.prepare(request)  # who sees the headers has subscribed
            while True:
                item = await queue.next(KEEPALIVE_S)
                async with asyncio.timeout(TAKEN_WITHIN_S):
                    await response.write(format_event(item) if item else b": quiet\n\n")
        return response

    async def serve_socket(self, request: web.Request, query: StreamQuery) -> web.WebSocketResponse:
        """The same over a WebSocket, as JSON with a `kind`; the client must not send anything."""
        self._check_capacity()
        socket = make_socket(MAX_MESSAGE_BYTES, KEEPALIVE_S)
        with self._subscribe(query.camera, query.after) as queue:
            await socket.prepare(request)
            async with run_task(send_all(socket, queue), socket):
                try:
                    async for _ in receive_messages(socket):
                        raise ProtocolError("this socket takes no messages")
                except ProtocolError as error:
                    await close_violation(socket, error)
        return socket

    def _check_capacity(self) -> None:
        if len(self._tasks) >= MAX_CLIENTS:
            raise web.HTTPTooManyRequests(text=FULL)

    @contextmanager
    def _subscribe(self, camera: str | None, after: str | None) -> Iterator[UpdateQueue]:
        if after is None and time.monotonic() - self._started_at < START_S:
            after = self._first_id
        queue, task = UpdateQueue(self._state, camera, self._records, after), asyncio.current_task()
        self._state.subscribers.add(queue.enqueue)
        self._queues.add(queue)
        self._tasks.add(task)
        try:
            yield queue
        finally:
            self._state.subscribers.discard(queue.enqueue)
            self._queues.discard(queue)
            self._tasks.discard(task)

    async def close_all(self, _: web.Application) -> None:
        """End every stream."""
        for task in tuple(self._tasks):
            if task:
                task.cancel()


def format_event(item: StreamItem) -> bytes:
    """Return a server-sent event."""
    number = f"id: {item.record_id}\n" if item.record_id else ""
    return f"{number}event: {item.kind}\ndata: {msgspec.json.encode(item.values).decode()}\n\n".encode()


async def send_all(socket: web.WebSocketResponse, queue: UpdateQueue) -> None:
    """Send updates until the connection ends."""
    with suppress(ConnectionError):
        while not socket.closed:
            if item := await queue.next(None):
                await socket.send_str(encode_update(item.kind, item.values).decode())
