"""The web server of the display; it runs an event loop in a thread of its own."""

import asyncio
import errno
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.fan_in import CellStatus, list_cells, settings_of
from services.display.web.access import AccessGuard
from services.display.web.api.routes import Api
from services.display.web.browser_cameras.registry import BrowserCameraRegistry
from services.display.web.browser_cameras.uplink import QueueConnection
from services.display.web.live.hub import LiveViewHub
from services.display.web.routes import make_app
from services.display.web.web_log import LOG, log_loop_error
from shared.messaging.message_fields import MAX_SELECTED
from shared.messaging.messages import CameraReport, Selection
from shared.messaging.sockets import ClientSocket
from shared.settings import ConfigError, Settings

START_TIMEOUT_S = 10
EVENTS_INTERVAL_S = 0.1  # nearer readings share their noise and count as one (shared/vision/tracks.py)
READINGS_INTERVAL_S = 1.0  # without events, of cameras that nobody follows: how old /api/readings may be
TURN_INTERVAL_S = 0.25  # how often the event loop shows that it is not blocked
STOP_TIMEOUT_S = 0.5  # the process has 1.5 s to end
HEADER_TIMEOUT_S = 5.0  # for the TLS handshake, for the headers of a request, and for the next request
BACKLOG = 512  # connections that wait to be accepted: as many as there may be
LINGER_S = 1.0  # for the rest of a body that nobody reads

T = TypeVar("T")


class WebServer:
    """The screen of DISPLAY_MODE=web. Its methods may be called from any thread."""

    is_open = True
    shows_readings = True

    def __init__(
        self, settings: Settings, clock: Callable[[], float], connect: Callable[[], QueueConnection] | None = None
    ) -> None:
        """Bind the port and serve; connect opens a connection to the queue for each browser that is a camera.

        Raises ConfigError if the port or the certificate cannot be used.
        """
        tls = load_certificate(settings.web_certificate)
        has_events = settings.events_days > 0 or settings.webhook
        self._interval_s = EVENTS_INTERVAL_S if has_events else READINGS_INTERVAL_S
        self._cells: Sequence[CellStatus] = ()
        host = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
        self.url = f"{'https' if tls else 'http'}://{host}:{settings.web_port}"
        self.api = Api(settings, clock)
        self._live = LiveViewHub(clock, self.api.frozen_frames)
        cell = list_cells(settings)[0]  # the one that browsers join
        connect = connect or (lambda: ClientSocket(settings_of(cell, settings)))
        self._browser_cameras = BrowserCameraRegistry(
            connect, clock, max_age_s=settings.max_age_s / 2, frozen_frames=self.api.frozen_frames, cell=cell.name
        )
        self._guard = AccessGuard(settings)
        self._runner = web.AppRunner(
            make_app(self._guard, self._live, self._browser_cameras, self.api),
            access_log=None,
            logger=LOG,
            keepalive_timeout=HEADER_TIMEOUT_S,
            lingering_time=LINGER_S,
            shutdown_timeout=STOP_TIMEOUT_S,
        )
        self._listener: asyncio.Server | None = None
        self.turned_at = time.monotonic()  # when the event loop last reacted
        self._loop = asyncio.new_event_loop()
        self._loop.call_soon(self._turn)
        self._loop.set_exception_handler(log_loop_error)
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)
        self._thread.start()
        try:
            self._run(self._bind(settings, tls), START_TIMEOUT_S)
        except OSError as error:
            self.close()
            raise ConfigError(describe_bind_error(settings, error)) from error

    def _turn(self) -> None:
        self.turned_at = time.monotonic()
        self._loop.call_later(TURN_INTERVAL_S, self._turn)

    async def _bind(self, settings: Settings, tls: ssl.SSLContext | None) -> None:
        await self._runner.setup()
        if not self._runner.server:
            raise RuntimeError("the runner has no server after its setup")
        self._listener = await self._loop.create_server(
            self._guard.limit_connections(self._runner.server),
            settings.web_host,
            settings.web_port,
            ssl=tls,
            backlog=BACKLOG,
            ssl_handshake_timeout=HEADER_TIMEOUT_S if tls else None,
        )

    async def _stop(self) -> None:
        if self._listener:
            self._listener.close()
        await self._runner.cleanup()

    def _run(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    @property
    def selection(self) -> Selection:
        """Pictures for browsers and snapshots, each frame for clients that follow readings, the rest for events."""
        pictures = self._live.shown_cameras() | self.api.snapshots.wanted_cameras()
        followed = self.api.stream.followed_cameras()
        cameras = None if followed is None else tuple(sorted(followed | self._browser_cameras.names()))
        return Selection(
            pictures=tuple(sorted(pictures)[:MAX_SELECTED]),
            cameras=cameras,
            interval_s=self._interval_s,
        )

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        """Pass updates to the event loop."""
        if updates or cells != self._cells:
            self._cells = cells
            self._loop.call_soon_threadsafe(self._update, updates, cells)

    def _update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        self._live.update(updates, cells)
        self._browser_cameras.update(updates, is_up=cells[0].is_up)
        self.api.update(updates, cells)

    def announce_records(self) -> None:
        """Let the clients of the streams know that frames of files were recorded."""
        self._loop.call_soon_threadsafe(self.api.stream.announce_records)

    def close(self) -> None:
        """Close all connections and free the port."""
        self._run(self._stop(), 2 * STOP_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def load_certificate(path: str) -> ssl.SSLContext | None:
    """Return a TLS context of a PEM file with certificate and key; None for an empty path. Raises ConfigError."""
    if not path:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        tls.load_cert_chain(path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"WEB_CERTIFICATE={path} cannot be used ({error.strerror or error}): "
            "it takes a PEM file with the private key and the certificate, as `digitcam share` makes one."
        ) from error
    return tls


def describe_bind_error(settings: Settings, error: OSError) -> str:
    """Return what is wrong with the address, and the setting to change."""
    if error.errno == errno.EADDRINUSE:
        return f"WEB_PORT={settings.web_port} is taken: stop the program that uses it, or set WEB_PORT to a free port."
    if error.errno == errno.EACCES:
        return f"WEB_PORT={settings.web_port} is not allowed for this user: set WEB_PORT to one above 1023."
    return f"WEB_HOST={settings.web_host} cannot be opened ({error.strerror}): set it to an address of this machine."
