"""A camera's newest picture with what was read on it, as a JPEG: asked of the queue only when a program asks for it."""

import asyncio
from collections.abc import Sequence

import simplejpeg
from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.requests import check, refuse
from services.display.web.state import DashboardState
from shared.messaging.messages import CameraReport
from shared.vision.overlay import draw_overlay

WITHIN_S = 2.0  # a live camera gives a picture every 30 to 100 ms
QUALITY = 90


class Snapshots:
    """Who waits for a picture. Lives in the page's event loop; only are_wanted is read from outside."""

    def __init__(self, desk: DashboardState) -> None:
        self._desk = desk
        self._waiting: set[tuple[str, asyncio.Future[DisplayFrame]]] = set()

    @property
    def are_wanted(self) -> bool:
        """Whether a picture is waited for."""
        return bool(self._waiting)

    def show(self, news: Sequence[DisplayFrame | CameraReport]) -> None:
        """Give pictures to who waits for them."""
        pictures = {item.camera: item for item in news if isinstance(item, DisplayFrame) and item.jpeg}
        for camera, future in tuple(self._waiting):
            if camera in pictures and not future.done():
                future.set_result(pictures[camera])

    async def take(self, camera: str) -> DisplayFrame:
        """Return the next picture of a camera. Raises TimeoutError where there is none."""
        future: asyncio.Future[DisplayFrame] = asyncio.get_running_loop().create_future()
        self._waiting.add((camera, future))
        try:
            return await asyncio.wait_for(future, WITHIN_S)
        finally:
            self._waiting.discard((camera, future))

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with a picture; ?plain=true leaves it as the camera gave it."""
        plain = check(request.query, {"plain": to_flag}).get("plain", False)
        shown = await self.find(request.match_info["name"])
        jpeg = shown.jpeg if plain else await asyncio.to_thread(annotate, shown)
        return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def find(self, camera: str) -> DisplayFrame:
        """Return the next picture of a camera, or answer why there is none."""
        if camera not in self._desk.cameras:
            raise web.HTTPNotFound(text="there is no such camera")
        try:
            return await self.take(camera)
        except TimeoutError:
            known = self._desk.cameras.get(camera)
            if known is None:  # it has left meanwhile
                raise web.HTTPNotFound(text="there is no such camera") from None
            state = known.state
            why = f"the camera is {state.state}: {state.detail}" if state else "it has not reported yet"
            raise web.HTTPConflict(text=f"no picture within {WITHIN_S:.0f} s; {why}") from None


def to_flag(name: str, text: str) -> bool:
    """Return a yes or no."""
    return text == "true" if text in ("true", "false") else refuse(f"{name} is true or false")


def annotate(shown: DisplayFrame) -> bytes:
    """Return a picture with its digits boxed and its numbers named; a JPEG that is broken comes back as it is."""
    try:
        picture = simplejpeg.decode_jpeg(shown.jpeg, colorspace="BGR")
    except ValueError:
        return shown.jpeg
    drawn = draw_overlay(picture, shown.digits, shown.numbers, shown.camera)
    return bytes(simplejpeg.encode_jpeg(drawn, QUALITY, "BGR", "420"))
