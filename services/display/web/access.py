"""Who may see the page: the right names, the right origin, and where a token is set, those who know it."""

import hmac
import re
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from shared.settings import is_loopback
from shared.telemetry import metrics

COOKIE = "digitcam_token_"  # and which of a host's pages it is of: cookies ignore ports
COOKIE_AGE_S = 30 * 24 * 3600
PAGES = {"index.html": "/", "camera.html": "/camera", "draw.html": "/draw"}  # what a person opens, by its file

# Only the page's own files run, connect or are shown; nobody may frame it.
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


def guard(host: str, token: str) -> Middleware:
    """Return a middleware that refuses, with a sentence as JSON, whoever may not see the page bound to a host."""

    @web.middleware
    async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_loopback(host) and not is_loopback(host_name(request.host)):
            return refusal(403, "host", "This page answers to 127.0.0.1 and localhost only.")  # DNS rebinding
        if not is_own_origin(request.headers, request.host) or is_from_elsewhere(request.headers, request.path):
            return refusal(403, "origin", "This page answers to its own scripts only.")
        comes_with_token = bool(token) and is_token(request.query.get("token", ""), token)
        if token and not (comes_with_token or is_token(request.cookies.get(cookie_of(request), ""), token)):
            return refusal(401, "token", "This page needs the token: open it as /?token= and the value of WEB_TOKEN.")
        if comes_with_token and request.path in PAGES.values():  # also who has the cookie: it is not to stay there
            enter(request, token)
        return await handler(request)

    return refuse_strangers


def enter(request: web.Request, token: str) -> NoReturn:
    """Give a cookie to who came with the token in the address, and send them on without it there."""
    answer = web.HTTPSeeOther(request.path)
    answer.set_cookie(
        cookie_of(request), token, max_age=COOKIE_AGE_S, httponly=True, samesite="Lax", secure=request.secure
    )
    raise answer


def cookie_of(request: web.Request) -> str:
    """Return the name of the cookie: with the port in the address, or its scheme where it has none."""
    port = re.search(r":([0-9]+)$", request.host)
    return COOKIE + (port[1] if port else request.scheme)


def is_token(given: str, token: str) -> bool:
    """Whether the token is the right one, in a time that does not depend on how much of it is."""
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def host_name(host: str) -> str:
    """Return the name in a Host header, without its port; empty for one that is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_own_origin(headers: Mapping[str, str], host: str) -> bool:
    """Whether a request comes from the page itself or from no page at all, as far as its origin tells."""
    origin = headers.get("Origin")
    return origin is None or origin.partition("://")[2] == host


def is_from_elsewhere(headers: Mapping[str, str], path: str) -> bool:
    """Whether another site's page asks: for an image, say, browsers give no origin, but this (Fetch Metadata).

    Who follows a link to one of the pages, or anywhere by a click of their own, may come from wherever they like.
    """
    if headers.get("Sec-Fetch-Site") not in ("cross-site", "same-site"):
        return False
    is_link = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return not (is_link and (path in PAGES.values() or headers.get("Sec-Fetch-User") == "?1"))


def refusal(status: int, reason: str, sentence: str) -> web.Response:
    """Return an error as JSON, and count it by its reason."""
    metrics.REFUSED.labels(reason).inc()
    return web.json_response({"error": sentence}, status=status)
