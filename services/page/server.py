"""The web server of the display: the page, its files, and a WebSocket for each browser, in a thread of their own."""

import asyncio
import errno
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from services.page.access import HEADERS, guard, refusal
from services.page.live.gallery import Gallery
from shared.messages import CameraState
from shared.settings import ConfigError, Settings
from shared.shown import Shown

START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 0.5  # the process has 1.5 s to end
FILES = Path(__file__).parent / "browser"
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

T = TypeVar("T")


class Page:
    """The page as a screen of the display; its methods may be called from any thread."""

    is_open = True

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        """Bind and serve. Raises ConfigError where the port cannot be had."""
        self.url = f"http://{settings.page_host}:{settings.page_port}"
        self._gallery = Gallery(clock)
        app = make_app(self._gallery, settings)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="page", daemon=True)
        self._thread.start()
        try:
            self._wait(self._bind(settings), START_TIMEOUT_S)
        except OSError as error:
            self.close()
            raise ConfigError(bind_trouble(settings, error)) from error

    async def _bind(self, settings: Settings) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.page_host, settings.page_port).start()

    def _wait(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    @property
    def wants_pictures(self) -> bool:
        """Whether a browser looks: a tab in the background does not."""
        return self._gallery.is_looked_at

    def show(self, news: Sequence[Shown | CameraState], is_up: bool) -> None:
        """Hand over what is new to whoever looks."""
        if news or is_up != self._gallery.is_up:
            self._loop.call_soon_threadsafe(self._gallery.show, news, is_up)

    def close(self) -> None:
        """Say goodbye to every browser and free the port."""
        self._wait(self._runner.cleanup(), 2 * STOP_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def make_app(gallery: Gallery, settings: Settings) -> web.Application:
    """Return the page's routes, guarded."""
    app = web.Application(middlewares=[guard(settings.page_host, settings.page_token), as_json])
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(gallery.say_goodbye)
    app.router.add_get("/ws", gallery.look)
    for file in sorted(FILES.iterdir()):
        if file.suffix in CONTENT_TYPES:  # a fixed list: no path comes from a request
            app.router.add_get("/" if file.name == "index.html" else f"/{file.name}", file_handler(file))
    return app


def file_handler(file: Path) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    """Return a handler for one file, read once."""
    body, content_type = file.read_bytes(), CONTENT_TYPES[file.suffix]

    async def give_file(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return give_file


@web.middleware
async def as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer what aiohttp itself refuses (no such page, no such method) with a sentence as JSON."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPClientError as error:
        return refusal(error.status, "request", f"{request.method} {request.path}: {error.reason}.")
    return response


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer says to the browser."""
    response.headers.update(HEADERS)


def bind_trouble(settings: Settings, error: OSError) -> str:
    """Return the sentence for a page that cannot be served."""
    if error.errno == errno.EADDRINUSE:
        return f"PAGE_PORT={settings.page_port} is taken: stop what uses it, or set PAGE_PORT to a free port."
    if error.errno == errno.EACCES:
        return f"PAGE_PORT={settings.page_port} is not allowed for this user: set PAGE_PORT to one above 1023."
    return f"PAGE_HOST={settings.page_host} cannot be opened ({error.strerror}): set it to an address of this machine."
