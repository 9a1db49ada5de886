"""Access control of the web server: host name, origin and token."""

import hmac
import re
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from shared.settings import is_loopback
from shared.telemetry import metrics

COOKIE_PREFIX = "digitcam_token_"  # the port follows, because browsers share cookies between ports
COOKIE_AGE_S = 30 * 24 * 3600
PAGES = {"index.html": "/", "camera.html": "/camera", "draw.html": "/draw"}  # addresses by file name
LINKABLE = {*PAGES.values(), "/api/docs"}  # addresses that other sites may link to

# Scripts, styles, pictures and connections come from this server only; no other page may frame it.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_guard(host: str, token: str) -> Middleware:
    """Return a middleware that refuses requests without access to a server bound to this host."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_loopback(host) and not is_loopback(host_name(request.host)):  # DNS rebinding
            return make_error(403, "host", "This server answers to 127.0.0.1 and localhost only.")
        if not is_own_origin(request.headers, request.host) or is_cross_site(request.headers, request.path):
            return make_error(403, "origin", "This server answers to its own pages only.")
        has_token_in_url = bool(token) and is_token(request.query.get("token", ""), token)
        if token and not (has_token_in_url or is_token(request.cookies.get(cookie_name(request), ""), token)):
            return make_error(401, "token", "A token is needed: open /?token= followed by the value of WEB_TOKEN.")
        if has_token_in_url and request.path in LINKABLE:  # also with a cookie: the token must leave the address bar
            redirect_with_cookie(request, token)
        return await handler(request)

    return guard


def redirect_with_cookie(request: web.Request, token: str) -> NoReturn:
    """Move the token from the address to a cookie."""
    response = web.HTTPSeeOther(request.path)
    response.set_cookie(
        cookie_name(request), token, max_age=COOKIE_AGE_S, httponly=True, samesite="Lax", secure=request.secure
    )
    raise response


def cookie_name(request: web.Request) -> str:
    """Return the cookie's name, which ends in the port, or in the scheme if the address has no port."""
    port = re.search(r":([0-9]+)$", request.host)
    return COOKIE_PREFIX + (port[1] if port else request.scheme)


def is_token(given: str, token: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def host_name(host: str) -> str:
    """Return the name in a Host header without the port; empty if the header is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_own_origin(headers: Mapping[str, str], host: str) -> bool:
    """Return whether the Origin header, if there is one, names this server."""
    origin = headers.get("Origin")
    return origin is None or origin.partition("://")[2] == host


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
