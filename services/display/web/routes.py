"""Which address leads where; every answer that is not a page is JSON, refusals too."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from services.display.web.access import HEADERS, PAGES, guard, refusal
from services.display.web.api.routes import Api
from services.display.web.browser_cameras.registry import KINDS, BrowserCameraRegistry
from services.display.web.live.hub import LiveViewHub
from shared.settings import Settings

FILES = Path(__file__).parent / "static"
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def make_app(settings: Settings, gallery: LiveViewHub, lobby: BrowserCameraRegistry, api: Api) -> web.Application:
    """Return all routes, guarded."""
    app = web.Application(middlewares=[guard(settings.web_host, settings.web_token), as_json])
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.extend([gallery.say_goodbye, lobby.say_goodbye])
    app.router.add_get("/ws", gallery.look)
    app.router.add_get(f"/{{kind:{'|'.join(KINDS)}}}/ws", lobby.welcome)
    api.add_routes(app)
    for file in sorted(FILES.iterdir()):
        if file.suffix in CONTENT_TYPES:  # a fixed list: no path comes from a request
            app.router.add_get(PAGES.get(file.name, f"/{file.name}"), file_handler(file))
    return app


def file_handler(file: Path) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    """Return a handler for one file, read once."""
    body, content_type = file.read_bytes(), CONTENT_TYPES[file.suffix]

    async def give_file(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return give_file


@web.middleware
async def as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer what is refused, also by aiohttp itself (no such page, no such method), with a sentence as JSON."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPClientError as error:
        is_own = error.text != f"{error.status}: {error.reason}"
        sentence = error.text if is_own else f"{request.method} {request.path}: {error.reason}."
        answer = refusal(error.status, "request", sentence or "")
        answer.headers.update({name: error.headers[name] for name in ("Allow",) if name in error.headers})
        return answer
    return response


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer says to the browser."""
    response.headers.update(HEADERS)
