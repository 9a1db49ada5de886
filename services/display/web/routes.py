"""The web application: pages and their files, WebSockets, and the API. All other answers are errors as JSON."""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from services.display.web.access import HEADERS, HSTS, PAGES, ROLE, AccessGuard, make_error
from services.display.web.api.routes import Api
from services.display.web.browser_cameras.registry import KINDS, BrowserCameraRegistry
from services.display.web.endpoint import BODY_BYTES
from services.display.web.live.hub import LiveViewHub
from services.display.web.login_page import LOGIN
from services.display.web.sessions import AccessRole
from services.display.web.web_log import report_failure
from shared.settings import is_loopback

FILES = Path(__file__).parent / "static"
INCLUDE = re.compile(r" *<!-- include ([a-z_]+\.html) -->\n")  # a part that several pages share
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def make_app(guard: AccessGuard, live: LiveViewHub, cameras: BrowserCameraRegistry, api: Api) -> web.Application:
    """Return the application with all routes behind the guard."""
    app = web.Application(middlewares=[errors_as_json, guard.check_request], client_max_size=BODY_BYTES)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.extend([live.close_all, cameras.close_all])
    app.router.add_get(LOGIN, guard.show_login)
    app.router.add_post(LOGIN, guard.sign_in)
    app.router.add_get("/ws", live.serve)
    app.router.add_get(f"/{{kind:{'|'.join(KINDS)}}}/ws", cameras.serve)
    api.add_routes(app)
    for file in sorted(FILES.iterdir()):
        if file.suffix in CONTENT_TYPES:  # a fixed list: no file name comes from a request
            app.router.add_get(PAGES.get(file.name, f"/{file.name}"), make_file_handler(file))
    return app


def make_file_handler(file: Path) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    """Return a handler for one file, which is read once."""
    text, content_type = read_page(file), CONTENT_TYPES[file.suffix]
    body, body_to_watch = text.encode(), text.replace("<html ", '<html data-role="watch" ', 1).encode()

    async def serve_file(request: web.Request) -> web.Response:
        may_change = request[ROLE] is AccessRole.CHANGE  # style.css hides from others what would be refused
        return web.Response(body=body if may_change else body_to_watch, content_type=content_type, charset="utf-8")

    return serve_file


def read_page(file: Path) -> str:
    """Return the text of a file, with the parts that it includes."""
    text = file.read_text(encoding="utf-8")
    return INCLUDE.sub(lambda part: (file.parent / part[1]).read_text(encoding="utf-8"), text)


@web.middleware
async def errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turn errors into JSON with a sentence, also those of aiohttp itself (not found, method not allowed)."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPClientError as error:
        is_own = error.text != f"{error.status}: {error.reason}"
        sentence = error.text if is_own else f"{request.method} {request.path}: {error.reason}."
        answer = make_error(error.status, "request", sentence or "")
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except (web.HTTPException, ConnectionError):  # redirects; browsers that left
        raise
    except Exception:  # noqa: BLE001 - a bug; aiohttp would log each
        report_failure("request")
        if request.writer.output_size:  # too late for an answer
            raise ConnectionResetError from None
        return make_error(500, "failure", "The display made an error; its log says which.")
    return response


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to every response."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.secure and not is_loopback(request.host.rpartition(":")[0] or request.host):
        response.headers["Strict-Transport-Security"] = HSTS
