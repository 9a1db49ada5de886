"""A real Prometheus, started by the Procfile, scrapes every process, and no documented expression is empty."""

import json
import os
import re
import shutil
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shared.messaging.messages import Selection, View
from shared.messaging.sockets import ClientSocket
from shared.messaging.subscription import ViewSubscription
from shared.settings import load_settings
from tests.pipeline.pipeline import ROOT, HonchoPipeline, run_pipeline, wait_for

RANGE_S = 5
CAPTURES = ("capture.demo", "capture.demo.2")

pytestmark = pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")


def fetch(pipeline: HonchoPipeline, path: str) -> dict[str, Any]:
    """Return the data of a response; empty while the server is not up."""
    try:
        address = f"http://127.0.0.1:{pipeline.settings['PROMETHEUS_PORT']}/api/v1/{path}"
        with urllib.request.urlopen(address, timeout=5) as response:
            data: dict[str, Any] = json.load(response)["data"]
    except OSError:
        return {}
    return data


def query(pipeline: HonchoPipeline, expression: str) -> list[dict[str, Any]]:
    """Return the result of an instant query."""
    return list(fetch(pipeline, "query?" + urllib.parse.urlencode({"query": expression})).get("result", []))


def count_views(pipeline: HonchoPipeline, seconds: float) -> dict[str, float]:
    """Return frames per second of each camera, counted by a viewer in the second half of the time."""
    settings = load_settings({"QUEUE": f"ipc://{pipeline.folder}/run/queue"}, Path("no.env"))
    seen: dict[str, set[int]] = {}
    with closing(ClientSocket(settings)) as queue:
        subscription = ViewSubscription(queue, "test", credit=64)
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            messages = subscription.receive(0.05, Selection(pictures=()))
            views = [message for message in messages if isinstance(message, View)]
            for view in views if time.monotonic() > start + seconds / 2 else ():
                seen.setdefault(view.camera, set()).add(view.seq)
    return {camera: len(seqs) / (seconds / 2) for camera, seqs in seen.items()}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HonchoPipeline]:
    """Two demo cameras and every process, including Prometheus."""
    with run_pipeline(tmp_path_factory.mktemp("pipeline"), "demo,demo", concurrency="all=1") as pipeline:
        wait_for(lambda: len(query(pipeline, 'digitcam_frames_total{stage="queue"}')) == 2)
        yield pipeline


def test_rate_of_frames_matches_a_viewers_count(pipeline: HonchoPipeline) -> None:
    counted = count_views(pipeline, 2.0 * RANGE_S)  # a rate() younger than its range reads low
    answer = query(pipeline, f'rate(digitcam_frames_total{{stage="queue"}}[{RANGE_S}s])')
    rates = {row["metric"]["camera"]: float(row["value"][1]) for row in answer}
    assert set(counted) == {"demo", "demo.2"}
    assert rates == pytest.approx(counted, rel=0.1)


def test_every_worker_is_scraped(pipeline: HonchoPipeline) -> None:
    expected = {*CAPTURES, "queue.1", "preprocess.1", "inference.1", "display.1", "prometheus.1"}
    wait_for(lambda: {row["metric"]["worker"] for row in query(pipeline, 'up{job="digitcam"} == 1')} == expected)


def test_every_rule_can_be_evaluated(pipeline: HonchoPipeline) -> None:
    """An alert that cannot be evaluated never fires, and is reported only in the server's log."""

    def rules() -> list[dict[str, Any]]:
        return [rule for group in fetch(pipeline, "rules").get("groups", []) for rule in group["rules"]]

    wait_for(lambda: query(pipeline, 'camera_stage:digitcam_age_seconds:p99_30s{stage="display"}'))
    before = {rule["lastEvaluation"] for rule in rules()}
    wait_for(lambda: rules() and not before & {rule["lastEvaluation"] for rule in rules()})
    assert [rule["name"] for rule in rules() if rule["health"] != "ok"] == []


def is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        with error:
            return False


def test_every_process_of_a_running_pipeline_is_ready(pipeline: HonchoPipeline) -> None:
    wait_for(lambda: all(map(is_ready, pipeline.list_addresses().values())))


def dashboard_expressions() -> set[str]:
    """Return the expressions of the dashboard, with its variable set to All."""
    board = json.loads((ROOT / "docker" / "grafana" / "digitcam.json").read_text())
    targets = [target for panel in board["panels"] for target in panel.get("targets", ())]
    return {target["expr"].replace("$camera", ".*") for target in targets}


def recording_rules() -> set[str]:
    """Return the names of the recording rules."""
    return set(re.findall(r"- record: (\S+)", (ROOT / "services" / "prometheus" / "recording.yml").read_text()))


def documented_expressions() -> set[str]:
    """Return the expressions of docs/operating.md, except those that are empty while the pipeline is healthy."""
    rows = re.findall(r"^\| .*\? \| (`.+`) \|$", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)
    return {
        expression for row in rows for expression in re.findall(r"`(.*?digitcam_.+?)`", row) if "==" not in expression
    }


def is_answered(pipeline: HonchoPipeline, expression: str) -> bool:
    """Return whether the result of an expression is a number; histogram_quantile of nothing is NaN."""
    return any(row["value"][1] != "NaN" for row in query(pipeline, expression))


def test_series_of_a_worker_continue_after_a_restart(pipeline: HonchoPipeline) -> None:
    os.kill(pipeline.find_processes()["preprocess.1"].pid, signal.SIGKILL)
    starts = 'changes(process_start_time_seconds{worker="preprocess.1"}[1m]) == 1'
    wait_for(lambda: query(pipeline, starts))


@pytest.mark.parametrize("source", [dashboard_expressions, recording_rules, documented_expressions])
def test_no_expression_is_empty(pipeline: HonchoPipeline, source: Callable[[], set[str]]) -> None:
    expressions = source()
    assert len(expressions) > 5
    wait_for(lambda: not [expression for expression in expressions if not is_answered(pipeline, expression)])
