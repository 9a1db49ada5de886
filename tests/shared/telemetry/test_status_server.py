"""/metrics, /livez and /readyz, requested over real HTTP."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.messaging.messages import Frame, Message, Ready
from shared.pipeline import Stage
from shared.service.stage_loop import run_loop
from shared.telemetry.health import QUEUE_SILENT, Health, Problem
from shared.telemetry.status_server import StatusServer, serve_status
from tests.shared.service.test_stage_loop import BatchQueue, frame


def request(port: int, path: str, **headers: str) -> tuple[int, str]:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(("problem", "status"), [(None, 200), (QUEUE_SILENT, 503)])
def test_readyz_has_the_reason_and_a_sentence(problem: Problem | None, status: int) -> None:
    health = Health(lambda: 100.0)
    health.heartbeat(problem)
    expected = asdict(problem) if problem else {"reason": None, "message": "its loop turned 0.0 s ago"}
    with serve_status(health) as port:
        code, text = request(port, "/readyz")
        assert (code, json.loads(text)) == (status, expected | {"ok": not problem})
        assert request(port, "/livez")[0] == 200


def test_heartbeat_and_readiness_are_metrics() -> None:
    at = 100.0
    health = Health(lambda: at)
    health.heartbeat()
    with serve_status(health) as port:
        at += 1.5
        families = text_string_to_metric_families(request(port, "/metrics")[1])
        values = {sample.name: sample.value for family in families for sample in family.samples}
    assert (values["digitcam_heartbeat_age_seconds"], values["digitcam_ready"]) == (1.5, 1.0)


def test_request_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen of them would keep the probes of Kubernetes from their answers."""
    monkeypatch.setattr("shared.telemetry.status_server.REQUEST_S", 0.3)
    with serve_status(Health()) as port, socket.create_connection(("127.0.0.1", port), 5) as connection:
        deadline, answer = time.monotonic() + 5, b"more"
        connection.settimeout(0.02)
        while answer and time.monotonic() < deadline:
            with suppress(TimeoutError):
                answer = connection.recv(4096)
            with suppress(ConnectionError):
                connection.sendall(b"x")
    assert not answer


def test_answer_may_take_longer_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.telemetry.status_server.REQUEST_S", 0.05)
    with serve_status(Health()) as port:
        assert request(port, "/trace?seconds=0.2")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_page_of_another_host_gets_nothing(host: str) -> None:
    with serve_status(Health()) as port:
        for path in ("/metrics", "/readyz", "/trace?seconds=0"):
            assert request(port, path, Host=host)[0] == 403
            assert request(port, path, Host=f"localhost:{port}")[0] != 403


@pytest.mark.parametrize("seconds", ["inf", "nan", "-1", "61", "x", ""])
def test_trace_takes_a_time_that_is_short(seconds: str) -> None:
    with serve_status(Health()) as port:
        assert request(port, f"/trace?seconds={seconds}")[0] == 400


@pytest.mark.slow
def test_half_requests_hold_few_threads_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.telemetry.status_server.REQUEST_S", 0.3)
    with serve_status(Health()) as port, ExitStack() as strangers:
        opened = [strangers.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(50)]
        for connection in opened:
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert threading.active_count() < 50
        for connection in opened:
            with suppress(ConnectionError):
                assert connection.recv(1) == b""
        assert request(port, "/metrics")[0] == 200


def test_hung_worker_is_not_alive_within_3_s() -> None:
    health, release, began = Health(), threading.Event(), threading.Event()
    queue = BatchQueue([frame(1)], [])

    def hang(_: Sequence[Frame]) -> list[Message]:
        began.set()
        release.wait()
        return []

    ready = Ready(role=Stage.PREPROCESS, name="preprocess.1", credit=1, with_jpeg=False)
    loop = threading.Thread(target=run_loop, args=(queue, ready, Frame, hang, queue.stop, health))
    with serve_status(health) as port:
        loop.start()
        began.wait(5)
        hung_at = time.monotonic()
        assert request(port, "/livez")[0] == 200
        while request(port, "/livez")[0] == 200:
            assert time.monotonic() < hung_at + 3
        release.set()
        loop.join()


@pytest.mark.parametrize(("error", "is_logged"), [(BrokenPipeError(), False), (ValueError(), True)])
def test_client_that_gave_up_is_no_traceback(
    capsys: pytest.CaptureFixture[str], error: Exception, is_logged: bool
) -> None:
    with StatusServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        try:
            raise error
        except Exception:  # noqa: BLE001 - handle_error() asks for the exception being handled
            server.handle_error(None, ("127.0.0.1", 1))
    assert bool(capsys.readouterr().err) == is_logged
