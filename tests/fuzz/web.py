"""The web server before a token is checked: bytes to its port; and what signed-in browsers and programs may send."""

import json
import logging
import random
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from multidict import MultiDict

from services.display.web import browser_protocol
from services.display.web.endpoint import Endpoint, convert, read_query
from services.display.web.schema import NoQuery
from services.display.web.server import WebServer
from tests.fuzz.mutations import ODD_BYTES, mutate
from tests.services.display.web.test_server import settings

TOKEN = "a token that no input has"  # noqa: S105 - of this server only
PATHS = (
    b"/",
    b"/login",
    b"/camera",
    b"/draw",
    b"/ws",
    b"/draw/ws",
    b"/browser/ws",
    b"/style.css",
    b"/api/cameras",
    b"/api/cameras/a",
    b"/api/stream",
    b"/api/docs",
    b"/nothing",
)
HEADERS = (
    b"Host: 127.0.0.1",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    b"Authorization: Bearer " + b"a" * 30,
    b"Cookie: digitcam_session_8000=a.b.c",
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\ntoken=abc",
    b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 4\r\n\r\n--b\r",
    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0",
    b"Expect: 100-continue",
    b"Origin: http://127.0.0.1",
    b"Range: bytes=0-1,5-9999999999999999999",
    b"X-Forwarded-For: ::1%1, 999.1.1.1\r\nX-Forwarded-Proto: https",
    b"Accept: text/html",
)
PUBLIC = (b"/login", b"/style.css", b"/login.css")
PIECES = (*ODD_BYTES, *PATHS, *HEADERS, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1", b":", b" ")
HALF_S, WAIT_S = 0.1, 2.0  # for the rest of a request, and for its answer


class LineCounter(logging.Handler):
    """Counts log lines, and notices tracebacks of what a stranger sent."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = self.tracebacks = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += 1
        self.tracebacks += bool(record.exc_info)


class HttpTarget:
    """A web server with a token, and a new connection for each input. No input has the token."""

    name = "HTTP before the token"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        with pytest.MonkeyPatch.context() as patch:  # half requests end soon, and most tokens are looked at
            patch.setattr("services.display.web.server.HEADER_TIMEOUT_S", HALF_S)
            patch.setattr("services.display.web.guesses.PER_ADDRESS", 10_000)
            patch.setattr("services.display.web.guesses.IN_ALL", 10_000)
            self._server = WebServer(settings(Path(self._folder.name), WEB_TOKEN=TOKEN), time.monotonic)
        self._port = int(self._server.url.rpartition(":")[2])
        self._log, self._began_at = LineCounter(), time.monotonic()
        logging.getLogger().addHandler(self._log)

    def make_input(self, rng: random.Random) -> bytes:
        """Return a request, most often broken."""
        method = rng.choice((b"GET", b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"get", b"PRI"))
        lines = [method + b" " + rng.choice(PATHS) + rng.choice((b"", b"?token=a", b"?%ff=%00")) + b" HTTP/1.1"]
        lines += rng.sample(HEADERS, rng.choice((1, 1, 2, 4)))
        request = b"\r\n".join(lines) + b"\r\n\r\n"
        return mutate(request, rng, PIECES) if rng.random() < 0.6 else request

    def feed(self, given: bytes) -> str:
        """Send a request, and return the status of its answer."""
        with socket.create_connection(("127.0.0.1", self._port), 5) as connection:
            connection.settimeout(WAIT_S)
            answer = b""
            with suppress(OSError):
                connection.sendall(given)
                answer = connection.recv(65536)
        status = answer.partition(b" ")[2][:3].decode(errors="replace")
        if status.startswith("5") or b"Traceback" in answer:
            raise AssertionError(f"answered {answer[:40]!r}")
        if status.startswith("2") and not any(path in given for path in PUBLIC):
            raise AssertionError(f"let in {given[:60]!r}")
        return status or "no answer"

    def close(self) -> list[str]:
        """End the server, which must still answer; return what it logged too much."""
        logging.getLogger().removeHandler(self._log)
        problems = ["a traceback in the log"] * self._log.tracebacks
        if self._log.lines > 2 + time.monotonic() - self._began_at:
            problems.append(f"{self._log.lines} log lines")
        if self.feed(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") != "200":
            problems.append("it answers no more")
        self._server.close()
        self._folder.cleanup()
        return problems


class BrowserTarget:
    """Messages of browsers, and parameters and bodies of API requests, as far as they are checked."""

    name = "browser messages and API requests"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        server = WebServer(settings(Path(self._folder.name)), time.monotonic)
        self._endpoints: list[Endpoint] = server.api.endpoints
        server.close()
        self._messages = [
            {"kind": "painted", "camera": "demo"},
            {"kind": "clock", "sent_at": 1.5},
            {"kind": "tiles", "cameras": ["demo"]},
            {"kind": "tab", "visible": False},
        ]
        self._texts = [
            "1",
            "-1",
            "1e999",
            "nan",
            "null",
            "true",
            "",
            "x" * 5000,
            "2026-01-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
        ]
        self._texts += ["9999-12-31T23:59:59-23:59", "٣", "\0", "demo", "1" * 400]

    def make_input(self, rng: random.Random) -> tuple[str, Any]:
        """Return what to check, and by what."""
        if rng.random() < 0.4:
            return "message", mutate(json.dumps(rng.choice(self._messages)).encode(), rng)
        endpoint = rng.choice(self._endpoints)
        kinds = [kind for name, kind in endpoint.types.items() if name in ("query", "body")] or [NoQuery]
        kind = rng.choice(kinds)
        names = [*kind.__struct_fields__, "more"]
        return "request", (
            kind,
            {rng.choice(names): rng.choice(self._texts) for _ in range(rng.choice((0, 1, 1, 2)))},
            endpoint,
        )

    def feed(self, given: tuple[str, Any]) -> str:
        """Check an input as the web server does."""
        kind, value = given
        try:
            if kind == "message":
                browser_protocol.decode(value.decode(errors="surrogateescape"))
            else:
                model, values, endpoint = value
                for name, hint in endpoint.types.items():
                    if name not in ("query", "body"):
                        convert(next(iter(values.values()), "demo"), hint, name)
                read_query(MultiDict(values), model)
                msgspec.convert(values, model)
        except (ValueError, web.HTTPBadRequest, msgspec.ValidationError):
            return "refused"
        return "taken"

    def close(self) -> list[str]:
        """Nothing is open."""
        self._folder.cleanup()
        return []
