"""Serves metrics, health and spans of a process over HTTP, on a free port of this machine."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import MetricsHandler

from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.spans import TRACE

HOST = "127.0.0.1"


class StatusServer(ThreadingHTTPServer):
    """A server whose log has no traceback for each client that gave up before it was answered."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


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
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            path = urlsplit(self.path).path
            if path in probes:
                result = probes[path]()
                self.respond(200 if result.ok else 503, {"ok": result.ok, **asdict(result)})
            elif path == "/trace":
                self.respond_with_spans()
            else:
                super().do_GET()

        def respond_with_spans(self) -> None:
            try:
                (seconds,) = map(float, parse_qs(urlsplit(self.path).query)["seconds"])
                spans = TRACE.record(max(0.0, seconds))
            except (KeyError, ValueError):
                self.respond(400, {"error": "/trace takes ?seconds=5"})
                return
            self.respond(200, [asdict(span) for span in spans])

        def respond(self, status: int, content: Any) -> None:
            body = f"{json.dumps(content)}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return StatusHandler
