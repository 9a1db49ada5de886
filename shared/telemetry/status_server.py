"""What a process says of itself over HTTP, on a port of its own of this machine: metrics, health and spans."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from prometheus_client import MetricsHandler

from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.spans import TRACE, to_rows

HOST = "127.0.0.1"


@contextmanager
def status_port(health: Health) -> Iterator[int]:
    """Answer on a free port, whose number is given, for as long as the context lasts."""
    metrics.HEARTBEAT_AGE.set_function(lambda: health.age_s)
    metrics.IS_READY.set_function(lambda: health.ready().ok)
    server = ThreadingHTTPServer((HOST, 0), make_handler(health))
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def make_handler(health: Health) -> type[MetricsHandler]:
    """Prometheus' own handler for /metrics, with more paths.

    /livez and /readyz: 200 for yes, 503 for no, and a sentence that says why. /trace?seconds=5: the spans of the next
    five seconds, as JSON.
    """
    probes = {"/livez": health.alive, "/readyz": health.ready}

    class Handler(MetricsHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            path = urlsplit(self.path).path
            if path in probes:
                answer = probes[path]()
                self.give(200 if answer.ok else 503, "text/plain; charset=utf-8", f"{answer.why}\n")
            elif path == "/trace":
                self.give_trace()
            else:
                super().do_GET()

        def give_trace(self) -> None:
            try:
                (seconds,) = map(float, parse_qs(urlsplit(self.path).query)["seconds"])
                spans = TRACE.record(max(0.0, seconds))
            except (KeyError, ValueError):
                self.give(400, "text/plain; charset=utf-8", "/trace takes ?seconds=5\n")
                return
            self.give(200, "application/json", json.dumps(to_rows(spans)))

        def give(self, status: int, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
