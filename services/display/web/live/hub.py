"""All browsers with the live view open. Each gets every update; a new one first gets the state of all cameras."""

from collections.abc import Callable, Sequence

from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.browser_protocol import PipelineStatus
from services.display.web.explain.frozen_frames import FrozenFrames
from services.display.web.live.viewer import LiveViewer
from services.display.web.tasks import run_task
from services.display.web.websockets import ProtocolError, close_full, close_sockets, close_violation
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.telemetry import metrics

MAX_VIEWERS = 64
FULL = f"{MAX_VIEWERS} browsers are connected already"


class LiveViewHub:
    """Lives in the web server's event loop; is_up and has_active_viewers may be read from any thread."""

    def __init__(self, clock: Callable[[], float], frozen_frames: FrozenFrames) -> None:
        self.is_up = False
        self._clock, self._frozen_frames = clock, frozen_frames
        self._viewers: set[LiveViewer] = set()
        self._states: dict[str, CameraReport] = {}

    @property
    def has_active_viewers(self) -> bool:
        """Whether a browser shows the live view in the foreground."""
        return any(viewer.is_tab_visible for viewer in tuple(self._viewers))

    def update(self, updates: Sequence[DisplayFrame | CameraReport], is_up: bool) -> None:
        """Queue updates for every browser."""
        if is_up != self.is_up:
            self.is_up = is_up
            for viewer in self._viewers:
                viewer.enqueue_message(PipelineStatus(up=is_up))
        self._states |= {item.camera: item for item in updates if isinstance(item, CameraReport)}
        self._states = {camera: state for camera, state in self._states.items() if state.state != CameraState.LEFT}
        for viewer in self._viewers:
            for item in updates:
                viewer.enqueue(item)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one browser until it leaves."""
        viewer = LiveViewer(self._clock, self._frozen_frames)
        await viewer.socket.prepare(request)
        if len(self._viewers) >= MAX_VIEWERS:
            await close_full(viewer.socket, FULL)
            return viewer.socket
        self._viewers.add(viewer)
        metrics.VIEWERS.set(len(self._viewers))
        viewer.enqueue_message(PipelineStatus(up=self.is_up))
        for state in self._states.values():
            viewer.enqueue(state)
        async with run_task(viewer.send_all(), viewer.socket):
            try:
                await viewer.receive_all()
            except ProtocolError as error:
                await close_violation(viewer.socket, error)
            finally:
                self._viewers.discard(viewer)
                metrics.VIEWERS.set(len(self._viewers))
        return viewer.socket

    async def close_all(self, _: web.Application) -> None:
        """Close every WebSocket."""
        await close_sockets(viewer.socket for viewer in self._viewers)
