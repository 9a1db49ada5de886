"""Snapshots: a camera's next picture as a JPEG. The queue sends pictures only while a request waits for one."""

import asyncio
from collections.abc import Sequence

import simplejpeg
from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.schema import CameraName, SnapshotQuery
from services.display.web.state import DashboardState
from shared.messaging.messages import CameraReport
from shared.vision.jpeg import decode_checked
from shared.vision.overlay import draw_overlay

TIMEOUT_S = 2.0  # a live camera sends a picture every 30 to 100 ms
QUALITY = 90


class Snapshots:
    """Lives in the web server's event loop; only wanted_cameras() may be called from any thread."""

    def __init__(self, state: DashboardState) -> None:
        self._state = state
        self._waiting: set[tuple[str, asyncio.Future[DisplayFrame]]] = set()

    def wanted_cameras(self) -> frozenset[str]:
        """Return the cameras that a request waits for."""
        return frozenset(camera for camera, _ in tuple(self._waiting))

    def update(self, updates: Sequence[DisplayFrame | CameraReport]) -> None:
        """Give new pictures to the requests that wait for them."""
        frames = {item.camera: item for item in updates if isinstance(item, DisplayFrame) and item.jpeg}
        for camera, future in tuple(self._waiting):
            if camera in frames and not future.done():
                future.set_result(frames[camera])

    async def get_snapshot(self, name: CameraName, query: SnapshotQuery) -> web.Response:
        """The camera's next picture, with its reading drawn on it."""
        frame = await self.next_frame(name)
        jpeg = frame.jpeg if query.plain else await asyncio.to_thread(annotate, frame)
        return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def next_frame(self, camera: str) -> DisplayFrame:
        """Return the camera's next frame with its picture, or answer why there is none."""
        if camera not in self._state.cameras:
            raise web.HTTPNotFound(text="there is no such camera")
        future: asyncio.Future[DisplayFrame] = asyncio.get_running_loop().create_future()
        self._waiting.add((camera, future))
        try:
            return await asyncio.wait_for(future, TIMEOUT_S)
        except TimeoutError:
            view = self._state.cameras.get(camera)
            if view is None:  # it left meanwhile
                raise web.HTTPNotFound(text="there is no such camera") from None
            state = view.state
            reason = f"the camera is {state.state}: {state.detail}" if state else "it has not reported yet"
            raise web.HTTPConflict(text=f"no picture within {TIMEOUT_S:.0f} s; {reason}") from None
        finally:
            self._waiting.discard((camera, future))


def annotate(frame: DisplayFrame) -> bytes:
    """Return the picture with its digits boxed and its numbers written on it; a broken JPEG is returned as it is."""
    try:
        picture = decode_checked(frame.jpeg, "BGR")
    except ValueError:
        return frame.jpeg
    drawn = draw_overlay(picture, frame.digits, frame.numbers, frame.camera)
    return bytes(simplejpeg.encode_jpeg(drawn, QUALITY, "BGR", "420"))
