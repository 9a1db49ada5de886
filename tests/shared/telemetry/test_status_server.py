"""/metrics, /livez and /readyz, requested over real HTTP."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
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


def request(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
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
