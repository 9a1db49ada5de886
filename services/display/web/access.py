"""Access control of the web server: host name, origin, tokens, and the sessions that they open."""

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from services.display.web.connections import ConnectionLimit
from services.display.web.endpoint import read_bytes
from services.display.web.guesses import GuessLimiter, group_address
from services.display.web.login_page import LOGIN, render_login
from services.display.web.sessions import AGE_S, KEY_FILE, AccessRole, SessionSigner
from shared.settings import Settings, is_loopback
from shared.telemetry import metrics

COOKIE_PREFIX = "digitcam_session_"  # the port follows, because browsers share cookies between ports
PAGES = {"index.html": "/", "camera.html": "/camera", "draw.html": "/draw"}  # addresses by file name
LINKABLE = {*PAGES.values(), "/api/docs"}  # addresses that other sites may link to
PUBLIC = {LOGIN, "/style.css", "/login.css"}  # what the page to sign in is made of
CAMERA_PATHS = {"/camera", "/draw", "/browser/ws", "/draw/ws"}  # a browser that is a camera adds one
READING_METHODS = {"GET", "HEAD", "OPTIONS"}
HSTS = "max-age=2592000"  # 30 days

# Scripts, styles, pictures and connections come from this server only; no other page may frame it.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

ROLE = web.RequestKey("role", AccessRole)  # of the request

NEEDED = "A token is needed: send it as Authorization: Bearer …, or open / in a browser and sign in."
WRONG = "This token is not right."
TOO_MANY = "Too many wrong tokens came from here. Wait a minute, then try again."
MAY_WATCH = "This token may watch, but not change anything or add a camera: that takes the value of WEB_TOKEN."


class TooManyGuessesError(Exception):
    """An address sent too many wrong tokens."""


class AccessGuard:
    """Refuses requests without access. Without any token everybody may do everything."""

    def __init__(self, settings: Settings) -> None:
        given = {AccessRole.CHANGE: settings.web_token, AccessRole.WATCH: settings.web_watch_token}
        self._tokens = {role: token for role, token in given.items() if token}
        self._sessions = SessionSigner(self._tokens, settings.run_dir / KEY_FILE) if self._tokens else None
        self._is_local = is_loopback(settings.web_host)
        self._guesses = GuessLimiter(time.monotonic())
        self._connections: ConnectionLimit | None = None

    def limit_connections(self, make_protocol: Callable[[], asyncio.Protocol]) -> ConnectionLimit:
        """Return a limit that makes protocols; it learns from this guard which connections are no strangers'."""
        self._connections = ConnectionLimit(make_protocol)
        return self._connections

    @web.middleware
    async def check_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through, or answer why not."""
        if self._is_local and not self._tokens and not is_loopback(host_name(request.host)):  # DNS rebinding
            return make_error(403, "host", "This server answers to 127.0.0.1 and localhost only.")
        if not is_own_origin(request) or is_cross_site(request.headers, request.path):
            return make_error(403, "origin", "This server answers to its own pages only.")
        token = find_token(request)
        try:
            role = self.find_role(request, token)
        except TooManyGuessesError:
            return refuse(request, 429, "guesses", TOO_MANY)
        if role and request.query.get("token") and request.path in LINKABLE:
            raise self.open_session(request, role, request.path)  # the token must leave the address bar
        if not role and request.path not in PUBLIC:
            return refuse(request, 401, "token", WRONG if token else NEEDED)
        if role is AccessRole.WATCH and is_change(request) and request.path != LOGIN:
            return refuse(request, 403, "role", MAY_WATCH)
        if role and self._connections:
            self._connections.trust(request.transport)
        request[ROLE] = role or AccessRole.WATCH
        return await handler(request)

    def find_role(self, request: web.Request, token: str) -> AccessRole | None:
        """Return the role of a request by its token, or else by its session. Raises TooManyGuessesError."""
        if not self._sessions:
            return AccessRole.CHANGE
        session = self._sessions.read(request.cookies.get(cookie_name(request), ""))
        if session and self._guesses.is_blocked(find_address(request), time.monotonic()):
            return session
        return (self.check_token(request, token) if token else None) or session

    def check_token(self, request: web.Request, token: str) -> AccessRole | None:
        """Return the role of a token; a wrong one is counted. Raises TooManyGuessesError after too many."""
        address, now = find_address(request), time.monotonic()
        if self._guesses.is_blocked(address, now):
            raise TooManyGuessesError
        for role, right in self._tokens.items():
            if hmac.compare_digest(token.encode(errors="replace"), right.encode()):
                return role
        self._guesses.record_wrong(address, now)
        return None

    def open_session(self, request: web.Request, role: AccessRole, path: str) -> web.HTTPSeeOther:
        """Return a redirect to a path with a cookie that stands for the token."""
        response = web.HTTPSeeOther(path)
        if self._sessions:
            response.set_cookie(
                cookie_name(request),
                self._sessions.sign(role),
                max_age=AGE_S,
                httponly=True,
                samesite="Lax",
                secure=is_secure(request),
            )
        return response

    async def show_login(self, _: web.Request) -> web.Response:
        """Show the form that takes a token."""
        if not self._sessions:
            raise web.HTTPSeeOther("/")
        return render_login()

    async def sign_in(self, request: web.Request) -> web.Response:
        """Take the form's token, and go to the page that was wanted."""
        form = parse_qs((await read_bytes(request)).decode(errors="replace"))
        token, path = form.get("token", [""])[0].strip(), form.get("next", ["/"])[0]
        path = path if path in LINKABLE else "/"
        try:
            role = self.check_token(request, token) if self._sessions else AccessRole.CHANGE
        except TooManyGuessesError:
            metrics.REFUSED.labels("guesses").inc()
            return render_login(TOO_MANY, path, 429)
        if not role:
            metrics.REFUSED.labels("token").inc()
            return render_login(WRONG, path, 401)
        raise self.open_session(request, role, path)


def refuse(request: web.Request, status: int, reason: str, sentence: str) -> web.Response:
    """Answer that access is refused: a person who opened a page can sign in there."""
    if request.path in LINKABLE and request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        metrics.REFUSED.labels(reason).inc()
        return render_login("" if sentence == NEEDED else sentence, request.path, status)
    answer = make_error(status, reason, sentence)
    answer.headers.update({401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}}.get(status, {}))
    return answer


def is_change(request: web.Request) -> bool:
    """Return whether a request needs the role CHANGE."""
    return request.method not in READING_METHODS or request.path in CAMERA_PATHS


def find_token(request: web.Request) -> str:
    """Return the token in the Authorization header or in the address; empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.query.get("token", "")


def find_address(request: web.Request) -> str:
    """Return the address that a request came from: what a proxy on this machine says, or the other end."""
    remote = request.remote or ""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return group_address(forwarded if forwarded and is_loopback(remote) else remote)


def is_secure(request: web.Request) -> bool:
    """Return whether the browser uses HTTPS, here or with a proxy."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def cookie_name(request: web.Request) -> str:
    """Return the cookie's name, which ends in the port, or in the scheme if the address has no port."""
    port = re.search(r":([0-9]+)$", request.host)
    return COOKIE_PREFIX + (port[1] if port else request.scheme)


def host_name(host: str) -> str:
    """Return the name in a Host header without the port; empty if the header is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_own_origin(request: web.Request) -> bool:
    """Return whether the Origin header, if there is one, names this server, and not its form without HTTPS."""
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    scheme, _, host = origin.partition("://")
    return host == request.host and (scheme == "https" or (scheme == "http" and not is_secure(request)))


def is_cross_site(headers: Mapping[str, str], path: str) -> bool:
    """Return whether another site's page sent the request, according to Fetch Metadata.

    Browsers send no Origin with the request for an image, but they do send these headers. A person may follow a link
    to one of the pages, or to any address by an own click.
    """
    if headers.get("Sec-Fetch-Site") not in ("cross-site", "same-site"):
        return False
    is_link = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return not (is_link and (path in LINKABLE or headers.get("Sec-Fetch-User") == "?1"))


def make_error(status: int, reason: str, sentence: str) -> web.Response:
    """Return an error as JSON, and count it by its reason."""
    metrics.REFUSED.labels(reason).inc()
    return web.json_response({"error": sentence}, status=status)
