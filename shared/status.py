"""What a process says of itself over HTTP, on a port of its own of this machine: /metrics, /livez, /readyz."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from prometheus_client import MetricsHandler

from shared import metrics
from shared.health import Health

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
    """Prometheus' own handler, with two more paths: 200 for yes and 503 for no, and a sentence that says why."""
    probes = {"/livez": health.alive, "/readyz": health.ready}

    class Handler(MetricsHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            probe = probes.get(self.path)
            if probe is None:
                super().do_GET()
                return
            answer = probe()
            body = f"{answer.why}\n".encode()
            self.send_response(200 if answer.ok else 503)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
