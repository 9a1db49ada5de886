"""The API of a real pipeline: it conforms to its OpenAPI document, and recordings are playable videos."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import Any

import cv2
import pytest

from services.display.web.server import WebServer
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import HonchoPipeline, find_free_port, run_pipeline, wait_for

CHANGE = "/api/cameras/{name}"  # PUT and DELETE


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HonchoPipeline]:
    with run_pipeline(tmp_path_factory.mktemp("interface"), "demo") as pipeline:
        wait_for(lambda: pipeline.count_readings("demo"))
        wait_for(lambda: list_events(pipeline))
        yield pipeline


def list_events(pipeline: HonchoPipeline) -> Any:
    """Return the number events so far; none before the web interface is ready."""
    try:
        return request_json(pipeline, "/api/events")["events"]
    except urllib.error.URLError:
        return []


def request_json(pipeline: HonchoPipeline, path: str, body: Any = None, method: str | None = None) -> Any:
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}{path}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        return error.code
    return json.loads(text) if text.startswith(b"{") else text


def test_recording_is_a_video_of_the_requested_length_that_can_be_deleted(pipeline: HonchoPipeline) -> None:
    begun = request_json(pipeline, "/api/recordings", {"camera": "demo", "seconds": 1})
    assert begun["state"] == "running"

    def complete() -> Any:
        return next(r for r in request_json(pipeline, "/api/recordings")["recordings"] if r["id"] == begun["id"])[
            "bytes"
        ]

    wait_for(complete)
    path = pipeline.folder / "recording.mp4"
    path.write_bytes(request_json(pipeline, begun["url"]))
    video = cv2.VideoCapture(str(path))
    assert 10 <= video.get(cv2.CAP_PROP_FRAME_COUNT) <= 35  # the demo has 30 a second
    video.release()
    request_json(pipeline, f"/api/recordings/{begun['id']}", method="DELETE")
    assert request_json(pipeline, begun["url"]) == 404


@pytest.mark.timeout(120)  # about 400 requests, some of which record videos
def test_responses_conform_to_the_document(pipeline: HonchoPipeline) -> None:
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}"
    check_conformance(url, "--exclude-path=/api/stream", f"--exclude-path={CHANGE}")  # a stream never ends


@pytest.mark.timeout(120)
def test_responses_to_added_cameras_conform_to_the_document(make_settings: MakeSettings) -> None:
    """Test a web server alone, so that no process is started for the added cameras."""
    with closing(WebServer(make_settings(WEB_PORT=find_free_port()), time.monotonic)) as server:
        check_conformance(server.url, f"--include-path={CHANGE}")


def check_conformance(url: str, *paths: str) -> None:
    """Let schemathesis send every request that the document allows for these paths, and invalid ones."""
    if not find_spec("schemathesis"):
        pytest.skip("schemathesis is not installed")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json", *paths]
    options = ["--phases=coverage,fuzzing", "--max-examples=10", "--seed=1", "--generation-database=none", "--no-color"]
    found = subprocess.run([*command, *options], capture_output=True, text=True, timeout=110, check=False)
    assert found.returncode == 0, found.stdout
