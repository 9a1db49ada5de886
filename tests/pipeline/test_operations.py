"""Commands for a running pipeline: digitcam top, doctor and trace."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.pipeline.pipeline import BIN, HonchoPipeline, run_pipeline, wait_for


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HonchoPipeline]:
    """Two cameras that are read, without viewers."""
    with run_pipeline(tmp_path_factory.mktemp("pipeline"), "demo,demo") as pipeline:
        wait_for(lambda: pipeline.is_reading("demo", "demo.2"))
        yield pipeline


def run_digitcam(pipeline: HonchoPipeline, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | pipeline.settings
    command = [str(BIN / "digitcam"), *words]
    return subprocess.run(
        command, cwd=pipeline.folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_top_shows_every_camera_stage_and_process(pipeline: HonchoPipeline) -> None:
    result = run_digitcam(pipeline, "top", "--once")
    assert (result.returncode, result.stderr) == (0, "")
    shown = {line.split()[0] for line in result.stdout.splitlines() if line}
    assert {"demo", "demo.2", "inference", "queue", "preprocess"} | set(pipeline.list_addresses()) <= shown


def test_doctor_examines_this_pipeline(pipeline: HonchoPipeline) -> None:
    result = run_digitcam(pipeline, "doctor")
    assert result.stderr == ""
    assert result.returncode == (0 if "All is well: 2 live cameras" in result.stdout else 1)
    assert "does not answer" not in result.stdout


def test_trace_holds_every_frame_in_every_process(pipeline: HonchoPipeline) -> None:
    result = run_digitcam(pipeline, "trace", "--seconds", "1.5", "--out", "t.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert "did not answer" not in result.stdout
    events = json.loads((pipeline.folder / "t.json").read_text())["traceEvents"]
    seen: dict[tuple[str, int], set[str]] = {}
    for event in events:
        if event["ph"] in ("X", "b"):
            seen.setdefault((event["args"]["camera"], event["args"]["seq"]), set()).add(event["name"])
    read = [
        (event["args"]["camera"], event["args"]["seq"])
        for event in events
        if event["ph"] == "b"
        and event["args"]["note"] == "inference: read"
        and 5e5 < event["ts"] < 1.2e6  # while every process was tracing
    ]
    stages = {"capture", "wait for preprocess", "preprocess", "wait for inference", "inference", "frame"}
    assert {camera for camera, _ in read} == {"demo", "demo.2"}
    assert all(stages <= seen[frame] for frame in read)
    displayed = {camera for (camera, _), names in seen.items() if "display" in names}
    assert displayed == {"demo", "demo.2"}  # some frames of each: nobody watches them


def test_trace_that_cannot_be_written_is_reported_in_a_sentence(pipeline: HonchoPipeline) -> None:
    result = run_digitcam(pipeline, "trace", "--seconds", "0.1", "--out", "none/t.json")
    assert (result.returncode, result.stderr) == (
        1,
        "digitcam: --out none/t.json can't be written: No such file or directory.\n",
    )
