"""Serves metrics, health and spans of a process over HTTP, on a free port of this machine."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import MetricsHandler

from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.spans import MAX_RECORDING_S, TRACE

HOST = "127.0.0.1"
MAX_THREADS = 16  # Prometheus, a probe and a few commands
REQUEST_S = 5.0  # for a request to arrive


class StatusServer(ThreadingHTTPServer):
    """A server whose log has no traceback for each client that gave up before it was answered, and few threads."""

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._free_threads = threading.BoundedSemaphore(MAX_THREADS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free_threads.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a request. What has not arrived in time is not waited for: bytes that drip would keep the thread."""
        deadline = threading.Timer(REQUEST_S, stop_reading, args=(request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free_threads.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def stop_reading(connection: socket.socket) -> None:
    """End what arrives on a connection; an answer that takes longer can still be sent."""
    with suppress(OSError):  # it is closed already
        connection.shutdown(socket.SHUT_RD)


@contextmanager
def serve_status(health: Health) -> Iterator[int]:
    """Serve on a free port, whose number is yielded, until the context ends."""
    metrics.HEARTBEAT_AGE.set_function(lambda: health.age_s)
    metrics.IS_READY.set_function(lambda: health.check_ready().ok)
    server = StatusServer((HOST, 0), make_handler(health))
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def make_handler(health: Health) -> type[MetricsHandler]:
    """Return Prometheus' handler for /metrics, extended by three paths that answer with JSON.

    /livez and /readyz: status 200 or 503, with a reason code and a message. /trace?seconds=5: the spans of the next
    five seconds.
    """
    probes = {"/livez": health.check_alive, "/readyz": health.check_ready}

    class StatusHandler(MetricsHandler):
        timeout = REQUEST_S

        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            path = urlsplit(self.path).path
            if self.headers.get("Host", HOST).partition(":")[0] not in (HOST, "localhost"):  # DNS rebinding
                respond_json(self, 403, {"error": f"this server answers to {HOST} and localhost only"})
            elif path in probes:
                result = probes[path]()
                respond_json(self, 200 if result.ok else 503, {"ok": result.ok, **asdict(result)})
            elif path == "/trace":
                self.respond_with_spans()
            else:
                super().do_GET()

        def respond_with_spans(self) -> None:
            try:
                (seconds,) = map(float, parse_qs(urlsplit(self.path).query)["seconds"])
            except (KeyError, ValueError):
                seconds = -1.0
            if not 0 <= seconds <= MAX_RECORDING_S:  # also false for nan
                respond_json(self, 400, {"error": f"/trace takes ?seconds=5, at most {MAX_RECORDING_S:g}"})
                return
            spans = TRACE.record(seconds)
            respond_json(self, 200, [asdict(span) for span in spans])

    return StatusHandler


def respond_json(handler: BaseHTTPRequestHandler, status: int, content: Any) -> None:
    """Answer a request with JSON."""
    respond(handler, status, "application/json", f"{json.dumps(content)}\n")


def respond(handler: BaseHTTPRequestHandler, status: int, content_type: str, text: str) -> None:
    """Answer a request."""
    body = text.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
