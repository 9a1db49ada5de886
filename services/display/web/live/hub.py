"""All browsers with the live view open. Each gets every update; a new one first gets the state of all cameras."""

from collections.abc import Callable, Sequence

from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.fan_in import CellStatus
from services.display.web.browser_protocol import PipelineStatus, cell_update
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
    """Lives in the web server's event loop; shown_cameras() may be called from any thread."""

    def __init__(self, clock: Callable[[], float], frozen_frames: FrozenFrames) -> None:
        self.is_up = False
        self._clock, self._frozen_frames = clock, frozen_frames
        self._viewers: set[LiveViewer] = set()
        self._states: dict[str, CameraReport] = {}
        self._cells: Sequence[CellStatus] = ()

    def shown_cameras(self) -> frozenset[str]:
        """Return the cameras that a browser shows in the foreground."""
        return frozenset[str]().union(*(viewer.shown for viewer in tuple(self._viewers)))

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        """Queue updates for every browser."""
        self._update_cells(cells)
        for item in updates:
            if isinstance(item, CameraReport):
                self._states[item.camera] = item
                if item.state is CameraState.LEFT:
                    del self._states[item.camera]
            for viewer in self._viewers:
                viewer.enqueue(item)

    def _update_cells(self, cells: Sequence[CellStatus]) -> None:
        is_up = any(cell.is_up for cell in cells)
        news = [PipelineStatus(up=is_up)] if is_up != self.is_up else []
        changed = [cell_update(cell, self._clock()) for cell in cells if cell.name and cell not in self._cells]
        self.is_up, self._cells = is_up, cells
        for message in (*news, *changed):
            for viewer in self._viewers:
                viewer.enqueue_message(message)

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
        for cell in self._cells:
            if cell.name:
                viewer.enqueue_message(cell_update(cell, self._clock()))
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
