"""/metrics, /livez and /readyz, asked for over real HTTP."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.messaging.messages import Frame, Message, Ready
from shared.pipeline import Stage
from shared.service.stage_loop import run_loop
from shared.telemetry.health import Health
from shared.telemetry.status_server import status_port
from tests.shared.service.test_stage_loop import FakeQueue, frame


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(("trouble", "code"), [("", 200), ("the queue does not answer", 503)])
def test_readyz_says_what_is_wrong(trouble: str, code: int) -> None:
    health = Health()
    health.beat(trouble)
    with status_port(health) as port:
        status, why = ask(port, "/readyz")
        assert (status, trouble in why) == (code, True)
        assert ask(port, "/livez")[0] == 200


def test_heartbeat_and_readiness_are_metrics() -> None:
    at = 100.0
    health = Health(lambda: at)
    health.beat()
    with status_port(health) as port:
        at += 1.5
        families = text_string_to_metric_families(ask(port, "/metrics")[1])
        values = {sample.name: sample.value for family in families for sample in family.samples}
    assert (values["digitcam_heartbeat_age_seconds"], values["digitcam_ready"]) == (1.5, 1.0)


def test_worker_that_hangs_turns_red_within_3_s() -> None:
    health, release, began = Health(), threading.Event(), threading.Event()
    queue = FakeQueue([frame(1)], [])

    def hang(_: Sequence[Frame]) -> list[Message]:
        began.set()
        release.wait()
        return []

    ready = Ready(Stage.PREPROCESS, "preprocess.1", 1, False)
    loop = threading.Thread(target=run_loop, args=(queue, ready, Frame, hang, queue.stop, health))
    with status_port(health) as port:
        loop.start()
        began.wait(5)
        hung_at = time.monotonic()
        assert ask(port, "/livez")[0] == 200
        while ask(port, "/livez")[0] == 200:
            assert time.monotonic() < hung_at + 3
        release.set()
        loop.join()
