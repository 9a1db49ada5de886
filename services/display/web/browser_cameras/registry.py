"""All browsers that are cameras: each has a name and a connection to the queue, and gets its readings back."""

import itertools
from collections.abc import Callable, Sequence

from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.fan_in import join_name, split_name
from services.display.web.browser_cameras.session import FRAME_BYTES, BrowserCamera
from services.display.web.browser_cameras.uplink import QueueConnection, Uplink
from services.display.web.browser_protocol import PipelineStatus
from services.display.web.explain.frozen_frames import FrozenFrames
from services.display.web.tasks import run_task
from services.display.web.websockets import (
    ProtocolError,
    close_full,
    close_sockets,
    close_violation,
    make_socket,
)
from shared.cameras.options import CameraOptions
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState

MAX_BROWSER_CAMERAS = 8  # a thread each, and the load of any other camera
FULL = f"{MAX_BROWSER_CAMERAS} browsers are cameras already"
# by the names of the cameras; whoever draws on a blank sheet of the screen draws digits
OPTIONS = {"browser": CameraOptions(), "draw": CameraOptions(bare_ones=True)}
KINDS = tuple(OPTIONS)


class BrowserCameraRegistry:
    """Lives in the web server's event loop; names() may be called from any thread."""

    def __init__(
        self,
        connect: Callable[[], QueueConnection],
        clock: Callable[[], float],
        max_age_s: float,
        frozen_frames: FrozenFrames,
        cell: str = "",
    ) -> None:
        """Browsers join the queue that connect() gives a connection to; cell is its name."""
        self._cell = cell
        self._connect, self._clock, self._max_age_s, self._frozen_frames = connect, clock, max_age_s, frozen_frames
        self._cameras: dict[str, BrowserCamera] = {}
        self._own_names: set[str] = set()  # given by this registry
        self._other_names: set[str] = set()  # of all cameras that the queue reports
        self._is_up = False

    def names(self) -> frozenset[str]:
        """Return the names that the browsers are shown by."""
        return frozenset(tuple(self._cameras))

    def update(self, updates: Sequence[DisplayFrame | CameraReport], is_up: bool) -> None:
        """Queue for each browser the readings of its own pictures."""
        if is_up != self._is_up:
            self._is_up = is_up
            for camera in self._cameras.values():
                camera.enqueue_message(PipelineStatus(up=is_up))
        for item in updates:
            if isinstance(item, CameraReport):
                self._track_name(item)
            elif owner := self._cameras.get(item.camera):
                owner.enqueue_reading(item)

    def _track_name(self, state: CameraReport) -> None:
        """Record which names are taken; cameras that left, or whose display was killed, free theirs."""
        if state.state not in (CameraState.LEFT, CameraState.DOWN):
            self._other_names.add(state.camera)
            return
        self._other_names.discard(state.camera)
        if state.camera not in self._cameras:
            self._own_names.discard(state.camera)  # another display may use it now

    def _free_name(self, kind: str) -> str:
        taken = self._cameras.keys() | (self._other_names - self._own_names)
        names = itertools.chain([kind], (f"{kind}.{number}" for number in itertools.count(2)))
        shown = (join_name(self._cell, name) for name in names)
        return next(name for name in shown if name not in taken)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one browser that is a camera until it leaves."""
        kind = request.match_info["kind"]  # the route allows only KINDS
        socket = make_socket(FRAME_BYTES)
        await socket.prepare(request)
        if len(self._cameras) >= MAX_BROWSER_CAMERAS:
            await close_full(socket, FULL)
            return socket
        camera = BrowserCamera(self._free_name(kind), socket, self._clock, self._max_age_s, self._frozen_frames)
        self._cameras[camera.name] = camera
        self._own_names.add(camera.name)
        own_name = split_name(camera.name)[1] if self._cell else camera.name
        uplink = Uplink(self._connect, own_name, OPTIONS[kind], camera.on_frame_sent, camera.on_uplink_failed)
        async with run_task(camera.send_all(), socket):
            camera.enqueue_message(PipelineStatus(up=self._is_up))
            camera.schedule_credit()
            try:
                await camera.receive_all(uplink)
            except ProtocolError as error:
                await close_violation(socket, error)
            finally:
                del self._cameras[camera.name]
                uplink.close()
        return socket

    async def close_all(self, _: web.Application) -> None:
        """Close every WebSocket."""
        await close_sockets(camera.socket for camera in self._cameras.values())
