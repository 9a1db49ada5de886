"""The web server of the display: the page, its files, and a WebSocket for each browser, in a thread of their own."""

import asyncio
import errno
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.api.routes import Api
from services.display.web.browser_cameras.registry import BrowserCameraRegistry
from services.display.web.browser_cameras.uplink import QueueConnection
from services.display.web.live.hub import LiveViewHub
from services.display.web.routes import make_app
from shared.messaging.messages import CameraReport
from shared.messaging.sockets import ClientSocket
from shared.settings import ConfigError, Settings

START_TIMEOUT_S = 10
GLANCE_S = 0.1  # nearer readings share their noise and count as one (shared/vision/tracks.py)
STOP_TIMEOUT_S = 0.5  # the process has 1.5 s to end

T = TypeVar("T")


class WebServer:
    """The page as a screen of the display; its methods may be called from any thread."""

    is_open = True

    def __init__(
        self, settings: Settings, clock: Callable[[], float], connect: Callable[[], QueueConnection] | None = None
    ) -> None:
        """Bind and serve; connect gives a browser that is a camera its line to the queue.

        Raises ConfigError where the port or the certificate cannot be had.
        """
        tls = load_certificate(settings.web_certificate)
        self.url = f"{'https' if tls else 'http'}://{settings.web_host}:{settings.web_port}"
        self._gallery = LiveViewHub(clock)
        self._lobby = BrowserCameraRegistry(connect or (lambda: ClientSocket(settings)), clock, settings.max_age_s / 2)
        self._api = Api(settings, clock)
        app = make_app(settings, self._gallery, self._lobby, self._api)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="page", daemon=True)
        self._thread.start()
        try:
            self._wait(self._bind(settings, tls), START_TIMEOUT_S)
        except OSError as error:
            self.close()
            raise ConfigError(bind_trouble(settings, error)) from error

    async def _bind(self, settings: Settings, tls: ssl.SSLContext | None) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.web_host, settings.web_port, ssl_context=tls).start()

    def _wait(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    @property
    def wants_pictures(self) -> bool:
        """Whether a browser looks (a tab in the background does not), or a program waits for a picture."""
        return self._gallery.is_looked_at or self._api.snapshots.are_wanted

    @property
    def min_interval_s(self) -> float:
        """All readings while somebody follows them; else as many as tell when a number comes and goes."""
        is_followed = self.wants_pictures or self._lobby.is_used or self._api.streams.are_used
        return 0.0 if is_followed else GLANCE_S

    def update(self, news: Sequence[DisplayFrame | CameraReport], is_up: bool) -> None:
        """Hand over what is new to whoever looks."""
        if news or is_up != self._gallery.is_up:
            self._loop.call_soon_threadsafe(self._show, news, is_up)

    def _show(self, news: Sequence[DisplayFrame | CameraReport], is_up: bool) -> None:
        self._gallery.show(news, is_up)
        self._lobby.show(news, is_up)
        self._api.show(news)

    def close(self) -> None:
        """Say goodbye to every browser and free the port."""
        self._wait(self._runner.cleanup(), 2 * STOP_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def load_certificate(path: str) -> ssl.SSLContext | None:
    """Return what the page's certificate and its key in one PEM file give; None for no path. Raises ConfigError."""
    if not path:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        tls.load_cert_chain(path)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"WEB_CERTIFICATE={path} can't be used ({error.strerror or error}): "
            "it takes a PEM file with the private key and the certificate, as `digitcam share` makes one."
        ) from error
    return tls


def bind_trouble(settings: Settings, error: OSError) -> str:
    """Return the sentence for a page that cannot be served."""
    if error.errno == errno.EADDRINUSE:
        return f"WEB_PORT={settings.web_port} is taken: stop what uses it, or set WEB_PORT to a free port."
    if error.errno == errno.EACCES:
        return f"WEB_PORT={settings.web_port} is not allowed for this user: set WEB_PORT to one above 1023."
    return f"WEB_HOST={settings.web_host} cannot be opened ({error.strerror}): set it to an address of this machine."
