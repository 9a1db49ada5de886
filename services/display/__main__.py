"""View -> display -> a person: steadies what was read and shows it on a web page, in a window, or not at all."""

import math
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from services.display.display_state import CameraDisplay, DisplayFrame
from shared.messaging.messages import CameraState, Message, Ready, View
from shared.messaging.sockets import ClientSocket
from shared.service import lifecycle
from shared.service.stage_loop import HEARTBEAT_S, QueueLink, address
from shared.telemetry import metrics
from shared.telemetry.health import NO_QUEUE, Health
from shared.telemetry.spans import TRACE, Span

CREDIT = 8  # views on their way at most: more would be old when they are shown
STILL_AFTER_S = 2.0  # live cameras give a frame a second at least
TICK_S = 0.05  # how late a window's key or the first look at the page may be noticed


class Screen(Protocol):
    """Where readings are shown."""

    @property
    def wants_pictures(self) -> bool:
        """Whether somebody looks."""

    @property
    def reads_every_s(self) -> float:
        """How far apart readings of a camera may be, in seconds: 0 for all of them, infinity for none."""

    @property
    def is_open(self) -> bool:
        """False once its user has closed it."""

    def show(self, news: Sequence[DisplayFrame | CameraState], is_up: bool) -> None:
        """Show what is new, in order; is_up says whether the pipeline answers. Must not wait for a viewer."""

    def close(self) -> None:
        """Take it down."""


def main(life: lifecycle.ServiceContext) -> None:
    """Open the screen that is set, and show what comes until told to stop or the window is closed."""
    peer = ClientSocket(life.settings)
    screen = open_screen(life, peer)
    try:
        run(peer, screen, address(life.name), life.stop, life.health)
    finally:
        screen.close()
        peer.close()


def open_screen(life: lifecycle.ServiceContext, peer: ClientSocket) -> Screen:
    """Make the screen of DISPLAY_MODE; each is imported only where it is used. Raises ConfigError."""
    if life.settings.display_mode == "web":
        from services.display.web.server import WebServer  # noqa: PLC0415 - aiohttp is not for a window

        page = WebServer(life.settings, peer.now)
        life.log.info("ready at %s", page.url)
        return page
    if life.settings.display_mode == "window":
        from services.display.window import Window  # noqa: PLC0415 - cv2 is not for the page

        window = Window(peer.now)
        life.log.info("ready; q closes the window")
        return window
    life.log.info("ready; DISPLAY_MODE=none shows nothing")
    return NoScreen()


class NoScreen:
    """The screen of DISPLAY_MODE=none."""

    wants_pictures = False
    reads_every_s = math.inf
    is_open = True

    def show(self, news: Sequence[DisplayFrame | CameraState], is_up: bool) -> None:
        """Show nothing; ages are measured all the same."""

    def close(self) -> None:
        """Nothing was opened."""


def run(queue: QueueLink, screen: Screen, name: str, stop: threading.Event, health: Health) -> None:
    """Ask for views, steady them, show them, and ask again: by this process's clock, since the queue's may jump."""
    watches: dict[str, CameraDisplay] = {}
    flow = Flow(monotonic())
    asked, asked_at, left = Ready("display", name, 0, pictures=False), -math.inf, 0
    while screen.is_open and not stop.is_set():
        wanted = Ready("display", name, CREDIT, screen.wants_pictures)
        now = monotonic()
        if wanted != asked or left <= CREDIT // 2 or now - asked_at >= HEARTBEAT_S:
            is_sent = queue.send(wanted)
            asked, asked_at, left = (wanted, now, CREDIT) if is_sent else (asked, asked_at, left)
        batch = queue.receive(TICK_S)
        views = [message for message in batch if isinstance(message, View)]
        left -= len(views)
        received_at = queue.now()
        measure(views, received_at)
        news: list[DisplayFrame | CameraState] = [message for message in batch if isinstance(message, CameraState)]
        if (every_s := screen.reads_every_s) < math.inf:  # steadying is half of this process' work
            looks = (watches.setdefault(view.camera, CameraDisplay()).look(view, every_s) for view in views)
            news += [shown for shown in looks if shown]
        screen.show(news, queue.connected)
        trace(views, received_at, queue.now())
        health.beat(flow.find_trouble(batch, monotonic()) if queue.connected else NO_QUEUE)


def trace(views: Sequence[View], began_at: float, ended_at: float) -> None:
    """Say when views were taken in and handed on to the screen, where somebody traces."""
    for view in views if TRACE.is_on else ():
        TRACE.add(Span("display", view.camera, view.seq, began_at, ended_at, view.outcome))


class Flow:
    """Whether frames come from cameras that are live. Where none is, the page is what says so: that is its work."""

    def __init__(self, now: float) -> None:
        self._live: set[str] = set()
        self._seen_at = now

    def find_trouble(self, batch: Sequence[Message], now: float) -> str:
        """Take in what came; what is wrong, in a sentence, or nothing."""
        for message in batch:
            match message:
                case CameraState(camera, "live"):
                    self._live.add(camera)
                    self._seen_at = now
                case CameraState(camera):
                    self._live.discard(camera)
                case View():
                    self._seen_at = now
        still_s = now - self._seen_at
        return (
            f"no frame for {still_s:.0f} s, though a camera is live" if self._live and still_s > STILL_AFTER_S else ""
        )


def measure(views: Sequence[View], now: float) -> None:
    """Export how old each frame is when it is shown."""
    for view in views:
        metrics.FRAMES.labels(view.camera, "display").inc()
        metrics.AGE.labels(view.camera, "display").observe(now - view.captured_at)


if __name__ == "__main__":
    lifecycle.start("display", main)
