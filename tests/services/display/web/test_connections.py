"""Strangers cannot keep the web server busy: slow, silent, malformed and too many connections. No token is needed."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from digitcam.certificate import ensure_certificate
from services.display.web.connections import MAX_STRANGER_BYTES, ConnectionLimit
from services.display.web.server import WebServer
from services.display.web.websockets import PING_BURST
from tests.services.display.web.test_access import TOKEN, bearer
from tests.services.display.web.test_server import fetch, in_browser, open_live_view, settings

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
SLOW_BODY = (
    b"PUT /api/cameras/hall HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
    b"Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{" % TOKEN.encode()
)
MALFORMED = [
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n",
    bytes(range(50)) + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\r\n\r\n",  # TLS at a plain port
    b"POST /api/corrections HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: \x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a:b:c]\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie: =;;;\xff\xff=\xff\r\n\r\n",
    b"GET /?token=%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data\r\nContent-Length: 4\r\n\r\nabcd",
]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr("services.display.web.server.HEADER_TIMEOUT_S", 0.3)
    monkeypatch.setattr("services.display.web.endpoint.BODY_TIMEOUT_S", 0.3)
    server = WebServer(settings(tmp_path, WEB_TOKEN=TOKEN), time.monotonic)
    yield server
    server.close()


def connect(server: WebServer) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 5)
    opened.settimeout(5)
    return opened


def ask(server: WebServer, request: bytes) -> bytes:
    """Send bytes and return all that the server answers until it closes the connection."""
    with connect(server) as opened:
        opened.sendall(request)
        answer = b""
        while more := opened.recv(65536):
            answer += more
    return answer


def refused(reason: str) -> float:
    return REGISTRY.get_sample_value("digitcam_refusals_total", {"reason": reason}) or 0.0


def is_closed(opened: socket.socket) -> bool:
    opened.setblocking(False)
    try:
        return opened.recv(100) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("request_so_far", [b"", b"GET", HALF, HALF + b"a\r\nX: " * 20])
def test_half_request_is_given_up(server: WebServer, request_so_far: bytes) -> None:
    began = time.monotonic()
    assert ask(server, request_so_far) == b""
    assert 0.2 < time.monotonic() - began < 3


def test_bytes_that_drip_do_not_postpone_the_end(server: WebServer) -> None:
    with connect(server) as opened:
        opened.sendall(HALF)

        def drip() -> bool:
            try:
                opened.setblocking(True)
                opened.send(b"a")
            except ConnectionError:
                return True
            return is_closed(opened)

        wait_for(drip)


def test_body_that_does_not_come_is_given_up(server: WebServer) -> None:
    answer = ask(server, SLOW_BODY)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not come within" in answer
    assert ask(server, SLOW_BODY.replace(TOKEN.encode(), b"wrong")).startswith(b"HTTP/1.1 401")


def test_body_of_a_stranger_is_not_read(server: WebServer) -> None:
    stranger = b"POST /api/corrections HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 1000
    assert ask(server, stranger).startswith(b"HTTP/1.1 401")


def test_silent_tls_handshake_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.display.web.server.HEADER_TIMEOUT_S", 0.3)
    certificate = ensure_certificate(tmp_path / "web.pem", "127.0.0.1")
    server = WebServer(settings(tmp_path, WEB_CERTIFICATE=str(certificate)), time.monotonic)
    try:
        assert ask(server, b"") == b""
        ask(server, b"GET / HTTP/1.1\r\n\r\n")
    finally:
        server.close()


def test_strangers_keep_nobody_out(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.display.web.connections.MAX_PER_ADDRESS", 5)

    async def scenario() -> None:
        async with open_live_view(server, **bearer(TOKEN)):
            with ExitStack() as strangers:
                opened = [strangers.enter_context(connect(server)) for _ in range(20)]
                assert (await fetch(server, "/api/cameras", **bearer(TOKEN)))[0] == 200
                await asyncio.to_thread(wait_for, lambda: sum(map(is_closed, opened)) >= 16)
            async with open_live_view(server, **bearer(TOKEN)):  # the first one was not closed for it
                pass

    before = refused("connections")
    in_browser(scenario)
    assert refused("connections") >= before + 16


class FakeTransport(asyncio.Transport):
    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1234)})
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def test_connections_are_limited_by_address_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.display.web.connections.MAX_PER_ADDRESS", 2)
    limit = ConnectionLimit(asyncio.Protocol, max_in_all=3)
    trusted = [FakeTransport("192.0.2.1"), FakeTransport("192.0.2.1"), FakeTransport("192.0.2.2")]
    for transport in trusted[:2]:
        assert limit.admit(transport)
        limit.trust(transport)
    assert not limit.admit(FakeTransport("192.0.2.1"))
    stranger = FakeTransport("192.0.2.3")
    assert limit.admit(stranger)
    assert limit.admit(trusted[2])
    assert stranger.is_aborted
    limit.trust(trusted[2])
    assert not limit.admit(FakeTransport("192.0.2.4"))
    limit.release(trusted[0])
    assert limit.admit(FakeTransport("192.0.2.1"))
    assert not any(transport.is_aborted for transport in trusted)


def test_limit_is_below_that_of_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.display.web.connections.descriptor_limit", lambda: 8)
    limit = ConnectionLimit(asyncio.Protocol)
    for number in range(8):
        transport = FakeTransport(f"192.0.2.{number}")
        if limit.admit(transport):
            limit.trust(transport)
    assert len(limit._addresses) == 4


@pytest.mark.parametrize("request_bytes", MALFORMED)
def test_malformed_request_is_answered_with_an_error(server: WebServer, request_bytes: bytes) -> None:
    answer = ask(server, request_bytes)
    assert answer == b"" or answer.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4"))
    assert b"Traceback" not in answer


def test_malformed_requests_are_counted_and_logged_once_a_second(
    server: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    before, began = refused("malformed"), time.monotonic()
    with caplog.at_level(logging.INFO):
        for request in 2 * MALFORMED:
            ask(server, request)
    assert len(caplog.records) <= 1 + (time.monotonic() - began)
    assert not any(record.exc_info for record in caplog.records)
    assert refused("malformed") - before >= 2 * 6


ENDLESS = {
    "chunks": (b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "a body": (b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\n", b"token=" * 100),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_stranger_who_sends_without_end_is_cut_off(server: WebServer, kind: str) -> None:
    begin, more = ENDLESS[kind]
    before, sent_bytes, piece = refused("connections"), 0, more * (16_384 // len(more))
    with connect(server) as opened, suppress(ConnectionError):
        opened.sendall(begin)
        while sent_bytes < 100 * MAX_STRANGER_BYTES:
            opened.sendall(piece)
            sent_bytes += len(piece)
    assert sent_bytes < 100 * MAX_STRANGER_BYTES
    assert refused("connections") == before + 1


def test_who_was_let_in_may_send_more(server: WebServer) -> None:
    request = b"GET /api/cells HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n" % TOKEN.encode()
    with connect(server) as opened:
        for _ in range(2 * MAX_STRANGER_BYTES // len(request) // 100):
            opened.sendall(request * 100)
            answer = b""
            while answer.count(b"HTTP/1.1 200 OK") < 100:
                answer += opened.recv(65536)


PING, PONG = b"\x89\x81\0\0\0\0x", b"\x8a\x81\0\0\0\0x"  # of a browser, with one byte of content
ANSWERED, VIOLATION = b"\x8a\x01x", (1008).to_bytes(2)  # what the server sends


def open_websocket(server: WebServer, path: str) -> socket.socket:
    opened = connect(server)
    opened.sendall(
        b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        % (path.encode(), TOKEN.encode())
    )
    assert b" 101 " in opened.recv(65536)
    return opened


@pytest.mark.parametrize("frame", [PING, PONG], ids=["pings", "pongs"])
@pytest.mark.parametrize("path", ["/ws", "/browser/ws", "/api/ws"])
def test_flood_of_pings_closes_its_websocket(server: WebServer, path: str, frame: bytes) -> None:
    """It would keep the event loop so busy that the display is taken for one that hangs."""
    with open_websocket(server, path) as opened:
        opened.sendall(frame * 20_000)
        answer = b""
        with suppress(ConnectionError):
            while more := opened.recv(65536):
                answer += more
    assert answer.count(ANSWERED) == (PING_BURST if frame is PING else 0)
    assert VIOLATION + b"too many pings" in answer


@pytest.mark.parametrize("path", ["/ws", "/browser/ws", "/api/ws"])
def test_ping_of_a_program_is_answered(server: WebServer, path: str) -> None:
    with open_websocket(server, path) as opened:
        opened.sendall(PONG + PING)
        answer = b""
        while ANSWERED not in answer:
            answer += opened.recv(65536)
    assert VIOLATION not in answer
