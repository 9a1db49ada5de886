"""The interface for programs on the real pipeline: it is what its OpenAPI document says, and films are films."""

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
from tests.pipeline.pipeline import Pipeline, free_port, running, wait_for

CHANGE = "/api/cameras/{name}"  # PUT and DELETE


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running(tmp_path_factory.mktemp("interface"), "demo") as pipeline:
        wait_for(lambda: pipeline.readings("demo"))
        wait_for(lambda: events(pipeline))
        yield pipeline


def events(pipeline: Pipeline) -> Any:
    """What has come into sight by now; nothing before the page is there."""
    try:
        return ask(pipeline, "/api/events")["events"]
    except urllib.error.URLError:
        return []


def ask(pipeline: Pipeline, path: str, body: Any = None, method: str | None = None) -> Any:
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}{path}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        return error.code
    return json.loads(text) if text.startswith(b"{") else text


def test_recording_is_a_film_of_so_many_seconds_that_can_be_deleted(pipeline: Pipeline) -> None:
    begun = ask(pipeline, "/api/recordings", {"camera": "demo", "seconds": 1})
    assert begun["state"] == "running"

    def complete() -> Any:
        return next(r for r in ask(pipeline, "/api/recordings")["recordings"] if r["id"] == begun["id"])["bytes"]

    wait_for(complete)
    path = pipeline.folder / "film.mp4"
    path.write_bytes(ask(pipeline, begun["url"]))
    video = cv2.VideoCapture(str(path))
    assert 10 <= video.get(cv2.CAP_PROP_FRAME_COUNT) <= 25
    video.release()
    ask(pipeline, f"/api/recordings/{begun['id']}", method="DELETE")
    assert ask(pipeline, begun["url"]) == 404


@pytest.mark.timeout(120)  # it asks some 400 questions, and films are made meanwhile
def test_answers_are_what_the_document_says(pipeline: Pipeline) -> None:
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}"
    ask_everything(url, "--exclude-path=/api/stream", f"--exclude-path={CHANGE}")  # a stream never ends


@pytest.mark.timeout(120)
def test_answers_about_cameras_to_be_added_are_what_the_document_says(make_settings: MakeSettings) -> None:
    """Of a page alone: no process is started for what is asked here."""
    with closing(WebServer(make_settings(WEB_PORT=free_port()), time.monotonic)) as page:
        ask_everything(page.url, f"--include-path={CHANGE}")


def ask_everything(url: str, *paths: str) -> None:
    """Let schemathesis ask all that the document allows, and more, of these paths."""
    if not find_spec("schemathesis"):
        pytest.skip("schemathesis is not installed")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json", *paths]
    options = ["--phases=coverage,fuzzing", "--max-examples=10", "--seed=1", "--generation-database=none", "--no-color"]
    found = subprocess.run([*command, *options], capture_output=True, text=True, timeout=110, check=False)
    assert found.returncode == 0, found.stdout
