"""A real Prometheus, started by the Procfile, knows how many frames each camera gives."""

import json
import shutil
import time
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shared.bus import Peer
from shared.messages import Ready, View
from shared.settings import load_settings
from tests.pipeline.pipeline import Pipeline, running, wait_for

RANGE_S = 5

pytestmark = pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")


def ask(pipeline: Pipeline, expression: str) -> list[dict[str, Any]]:
    """The result of an instant query; empty while the server is not up."""
    address = f"http://127.0.0.1:{pipeline.settings['PROMETHEUS_PORT']}/api/v1/query?"
    try:
        with urllib.request.urlopen(address + urllib.parse.urlencode({"query": expression}), timeout=5) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    except OSError:
        return []
    return result


def count_views(pipeline: Pipeline, seconds: float) -> dict[str, float]:
    """Frames a second of each camera, counted by a viewer of our own over the last half of the time."""
    settings = load_settings({"QUEUE": f"ipc://{pipeline.folder}/run/queue"}, Path("no.env"))
    seen: dict[str, set[int]] = {}
    with closing(Peer(settings)) as peer:
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            peer.send(Ready("display", "test", 64, False))
            views = [message for message in peer.receive(0.05) if isinstance(message, View)]
            for view in views if time.monotonic() > start + seconds / 2 else ():
                seen.setdefault(view.camera, set()).add(view.seq)
    return {camera: len(seqs) / (seconds / 2) for camera, seqs in seen.items()}


def test_rate_of_frames_is_the_truth(tmp_path: Path) -> None:
    with running(tmp_path, "demo,demo", concurrency="all=1") as pipeline:
        wait_for(lambda: len(ask(pipeline, 'digitcam_frames_total{stage="queue"}')) == 2)
        truth = count_views(pipeline, 2.0 * RANGE_S)  # a rate() younger than its range reads low
        answer = ask(pipeline, f'rate(digitcam_frames_total{{stage="queue"}}[{RANGE_S}s])')
        rates = {row["metric"]["camera"]: float(row["value"][1]) for row in answer}
        assert set(truth) == {"demo", "demo.2"}
        assert rates == pytest.approx(truth, rel=0.1)


def test_every_worker_is_scraped(tmp_path: Path) -> None:
    expected = {"capture.demo", "queue.1", "preprocess.1", "inference.1", "display.1", "prometheus.1"}
    with running(tmp_path, "demo", concurrency="all=1") as pipeline:
        wait_for(lambda: {row["metric"]["worker"] for row in ask(pipeline, 'up{job="digitcam"} == 1')} == expected)
