"""All browsers that are cameras: each gets a name and a line to the queue, and hears what was read of its pictures."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiohttp import WSCloseCode, web

from services.display.display_state import DisplayFrame
from services.display.web.browser_cameras.session import FRAME_BYTES, BrowserCamera
from services.display.web.browser_cameras.uplink import QueueConnection, Uplink
from services.display.web.live.viewer import HEARTBEAT_S, ProtocolError
from shared.messaging.messages import CameraReport
from shared.telemetry import metrics

MAX_GUESTS = 8  # a thread each, and of the pipeline as much as any camera takes
FULL = f"{MAX_GUESTS} browsers are cameras already"
KINDS = ("browser", "draw")  # what a browser may be, and the name that its camera goes by
GOODBYE_TIMEOUT_S = 0.5


class BrowserCameraRegistry:
    """Lives in the page's event loop; only is_used is read from outside."""

    def __init__(self, connect: Callable[[], QueueConnection], clock: Callable[[], float], oldest_s: float) -> None:
        self._connect, self._clock, self._oldest_s = connect, clock, oldest_s
        self._guests: dict[str, BrowserCamera] = {}
        self._own: set[str] = set()  # names that this lobby has given
        self._others: set[str] = set()  # names of other cameras
        self._is_up = False

    @property
    def is_used(self) -> bool:
        """Whether a browser is a camera."""
        return bool(self._guests)

    def show(self, news: Sequence[DisplayFrame | CameraReport], is_up: bool) -> None:
        """Let each browser know what was read of its pictures."""
        if is_up != self._is_up:
            self._is_up = is_up
            for guest in self._guests.values():
                guest.tell_pipeline(is_up)
        for item in news:
            if isinstance(item, CameraReport):
                self._note(item)
            elif guest_of := self._guests.get(item.camera):
                guest_of.put(item)

    def _note(self, state: CameraReport) -> None:
        """Remember which names are taken: not those of cameras that have left, or whose display was killed."""
        if state.state not in ("left", "down"):
            self._others.add(state.camera)
            return
        self._others.discard(state.camera)
        if state.camera not in self._guests:
            self._own.discard(state.camera)  # from here on another display may give it

    async def welcome(self, request: web.Request) -> web.WebSocketResponse:
        """Let one browser be a camera until it leaves."""
        kind = request.match_info["kind"]  # one of KINDS: the route takes no other
        socket = web.WebSocketResponse(max_msg_size=FRAME_BYTES, compress=False, heartbeat=HEARTBEAT_S)
        await socket.prepare(request)
        if len(self._guests) >= MAX_GUESTS:
            metrics.REFUSED.labels("full").inc()
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=FULL.encode())
            return socket
        guest = BrowserCamera(self._free_name(kind), socket, self._clock, self._oldest_s)
        self._guests[guest.name] = guest
        self._own.add(guest.name)
        await self._serve(guest)
        return socket

    async def _serve(self, guest: BrowserCamera) -> None:
        uplink = Uplink(self._connect, guest.name, guest.taken)
        sender = asyncio.create_task(guest.send_all())
        guest.tell_pipeline(self._is_up)
        guest.grant()
        try:
            await guest.hear_all(uplink)
        except ProtocolError as reason:
            metrics.REFUSED.labels("protocol").inc()
            await guest.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(reason).encode()[:120])
        finally:
            del self._guests[guest.name]
            uplink.close()
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender

    def _free_name(self, kind: str) -> str:
        names = itertools.chain([kind], (f"{kind}.{number}" for number in itertools.count(2)))
        return next(name for name in names if name not in self._guests and name not in self._others - self._own)

    async def say_goodbye(self, _: web.Application) -> None:
        """Close every WebSocket."""
        goodbyes = [guest.socket.close(code=WSCloseCode.GOING_AWAY) for guest in self._guests.values()]
        await asyncio.wait_for(asyncio.gather(*goodbyes, return_exceptions=True), GOODBYE_TIMEOUT_S)
