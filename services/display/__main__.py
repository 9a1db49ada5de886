"""View -> display -> the user: smooths readings over time and shows them in a browser, in a window, or not at all."""

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from time import monotonic
from typing import Protocol

from services.display.display_state import CameraDisplay, DisplayFrame
from services.display.fan_in import CellStatus, FanIn, connect_cells
from services.display.file_recorder import FileRecorder
from shared.file_reading.frame_records import FrameRecords
from shared.messaging.messages import CameraReport, Message, Selection, View
from shared.pipeline import CameraState, Stage
from shared.service import lifecycle
from shared.service.collector import freeze_start
from shared.telemetry import metrics
from shared.telemetry.camera_series import CameraSeries
from shared.telemetry.health import Health, NotReady, Problem
from shared.telemetry.spans import TRACE, Span

CREDIT = 8  # views in flight at most: more would be old before they are shown
STILL_AFTER_S = 2.0  # a live camera sends at least one frame a second
TICK_S = 0.05  # delay at most until a key press in the window, or a new viewer in a browser, is noticed


class Screen(Protocol):
    """Shows frames and camera states to the user."""

    @property
    def selection(self) -> Selection:
        """The cameras that it shows."""

    @property
    def shows_readings(self) -> bool:
        """False if only ages are measured. Smoothing is half of this process's work."""

    @property
    def is_open(self) -> bool:
        """False once the user has closed the screen."""

    @property
    def turned_at(self) -> float:
        """When the screen's own thread last reacted (time.monotonic()); infinity if it has none."""

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        """Show updates in order, and which queues answer. Must not block on a viewer."""

    def announce_records(self) -> None:
        """Show that frames of files were recorded."""

    def close(self) -> None:
        """Free the port or the window."""


def main(context: lifecycle.ServiceContext) -> None:
    """Run the screen of DISPLAY_MODE until the process is told to stop or the user closes the window."""
    with (
        closing(FrameRecords(context.settings.run_dir)) as records,
        connect_cells(context.settings, context.name, CREDIT) as queues,
        closing(open_screen(context, queues.now)) as screen,
    ):
        freeze_start()
        run(queues, screen, context.stop, context.health, FileRecorder(queues, records))


def open_screen(context: lifecycle.ServiceContext, clock: Callable[[], float]) -> Screen:
    """Return the screen of DISPLAY_MODE. Raises ConfigError if its port or desktop is not available."""
    if context.settings.display_mode == "web":
        from services.display.web.server import WebServer  # noqa: PLC0415 - a window does not need aiohttp

        server = WebServer(context.settings, clock)
        context.log.info("ready at %s", server.url)
        return server
    if context.settings.display_mode == "window":
        from services.display.window import Window  # noqa: PLC0415 - the web interface does not need OpenCV's windows

        window = Window(clock)
        context.log.info("ready; q closes the window")
        return window
    context.log.info("ready; DISPLAY_MODE=none shows nothing")
    return NoScreen()


class NoScreen:
    """The screen of DISPLAY_MODE=none; the process still exports ages."""

    selection = Selection(pictures=())
    shows_readings = False
    is_open = True
    turned_at = math.inf

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        pass

    def announce_records(self) -> None:
        pass

    def close(self) -> None:
        pass


def run(queues: FanIn, screen: Screen, stop: threading.Event, health: Health, recorder: FileRecorder) -> None:
    """Receive views, smooth their readings and show them, until the process is told to stop or the screen is closed."""
    displays: dict[str, CameraDisplay] = {}
    monitor, series = FrameFlowMonitor(monotonic()), CameraSeries()
    while screen.is_open and not stop.is_set():
        batch = queues.receive(TICK_S, screen.selection)
        views = [message for message in batch if isinstance(message, View)]
        received_at = queues.now()
        export_ages(views, received_at)
        if recorder.record(views, received_at):
            screen.announce_records()
        screen.update(make_updates(batch, displays, shows_readings=screen.shows_readings), queues.statuses)
        series.note([message.camera for message in batch if isinstance(message, View | CameraReport)], monotonic())
        record_spans(views, received_at, queues.now())
        problem = queues.find_problem() or monitor.find_problem(batch, monotonic())
        health.heartbeat(problem, screen.turned_at, queues.describe())


def make_updates(
    batch: Sequence[Message], displays: dict[str, CameraDisplay], *, shows_readings: bool
) -> list[DisplayFrame | CameraReport]:
    """Return what to show, in the order of the messages: the last of a camera says that it has left."""
    updates: list[DisplayFrame | CameraReport] = []
    for message in batch:
        match message:
            case View() if shows_readings:
                frame = displays.setdefault(message.camera, CameraDisplay()).update(message)
                updates += [frame] if frame else []
            case CameraReport():
                updates.append(message)
                if message.state is CameraState.LEFT:
                    displays.pop(message.camera, None)
    return updates


def export_ages(views: Sequence[View], now: float) -> None:
    """Export the age of each frame as it reaches the display."""
    for view in views:
        metrics.FRAMES.labels(view.camera, Stage.DISPLAY).inc()
        metrics.AGE.labels(view.camera, Stage.DISPLAY).observe(now - view.captured_at)


def record_spans(views: Sequence[View], began_at: float, ended_at: float) -> None:
    """Record for `digitcam trace` when views were received and when the screen had them."""
    for view in views if TRACE.is_on else ():
        span = Span(Stage.DISPLAY, view.camera, view.seq, began_at=began_at, ended_at=ended_at, note=view.outcome)
        TRACE.add(span)


class FrameFlowMonitor:
    """Notices that no frames arrive although a camera is live. Without a live camera the display is healthy."""

    def __init__(self, now: float) -> None:
        self._live: set[str] = set()
        self._seen_at = now

    def find_problem(self, batch: Sequence[Message], now: float) -> Problem | None:
        """Return what is wrong after this batch, if anything is."""
        for message in batch:
            match message:
                case CameraReport(camera=camera, state=CameraState.LIVE):
                    self._live.add(camera)
                    self._seen_at = now
                case CameraReport(camera=camera):
                    self._live.discard(camera)
                case View():
                    self._seen_at = now
        still_s = now - self._seen_at
        is_still = bool(self._live) and still_s > STILL_AFTER_S
        problem = f"no frame for {still_s:.0f} s, though a camera is live"
        return Problem(NotReady.NO_FRAMES, problem) if is_still else None


if __name__ == "__main__":
    lifecycle.run_service(Stage.DISPLAY, main)
