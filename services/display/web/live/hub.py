"""All browsers that look at the page: each gets what is new, and a newcomer what it has to know."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiohttp import WSCloseCode, web

from services.display.display_state import DisplayFrame
from services.display.web.live.viewer import LiveViewer, ProtocolError
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.telemetry import metrics

MAX_VIEWERS = 64
FULL = f"{MAX_VIEWERS} browsers look already"
GOODBYE_TIMEOUT_S = 0.5  # the process has 1.5 s to end


class LiveViewHub:
    """Lives in the page's event loop; only is_up and is_looked_at are read from outside."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.is_up = False
        self._clock = clock
        self._viewers: set[LiveViewer] = set()
        self._states: dict[str, CameraReport] = {}

    @property
    def is_looked_at(self) -> bool:
        """Whether anybody looks."""
        return any(viewer.is_looking for viewer in tuple(self._viewers))

    def show(self, news: Sequence[DisplayFrame | CameraReport], is_up: bool) -> None:
        """Let what is new wait for every browser."""
        if is_up != self.is_up:
            self.is_up = is_up
            for viewer in self._viewers:
                viewer.tell_pipeline(is_up)
        self._states |= {item.camera: item for item in news if isinstance(item, CameraReport)}
        self._states = {camera: state for camera, state in self._states.items() if state.state != CameraState.LEFT}
        for viewer in self._viewers:
            for item in news:
                viewer.put(item)

    async def look(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one browser's WebSocket until it leaves."""
        viewer = LiveViewer(self._clock)
        await viewer.socket.prepare(request)
        if len(self._viewers) >= MAX_VIEWERS:
            metrics.REFUSED.labels("full").inc()
            await viewer.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=FULL.encode())
            return viewer.socket
        self._enter(viewer)
        sender = asyncio.create_task(viewer.send_all())
        try:
            await viewer.hear_all()
        except ProtocolError as reason:
            metrics.REFUSED.labels("protocol").inc()
            await viewer.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(reason).encode())
        finally:
            self._viewers.discard(viewer)
            metrics.VIEWERS.set(len(self._viewers))
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
        return viewer.socket

    def _enter(self, viewer: LiveViewer) -> None:
        self._viewers.add(viewer)
        metrics.VIEWERS.set(len(self._viewers))
        viewer.tell_pipeline(self.is_up)
        for state in self._states.values():
            viewer.put(state)

    async def say_goodbye(self, _: web.Application) -> None:
        """Close every WebSocket, so that browsers start to look for the page's return."""
        goodbyes = [viewer.socket.close(code=WSCloseCode.GOING_AWAY) for viewer in self._viewers]
        await asyncio.wait_for(asyncio.gather(*goodbyes, return_exceptions=True), GOODBYE_TIMEOUT_S)
