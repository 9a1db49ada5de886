"""The list of cameras changes while the pipeline runs."""

import json
import signal
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.pipeline.pipeline import HonchoPipeline, run_pipeline, wait_for


def change_cameras(pipeline: HonchoPipeline, cameras: str) -> None:
    """Write another list, and send SIGHUP to the supervisor of the capture processes."""
    (pipeline.folder / ".env").write_text(f"CAMERAS={cameras}\n")
    children = psutil.Process(pipeline.honcho.pid).children(recursive=True)
    (parent,) = [child for child in children if child.cmdline()[-2:] == ["run", "capture"]]
    parent.send_signal(signal.SIGHUP)


def list_live_cameras(pipeline: HonchoPipeline) -> set[str]:
    return {
        name
        for name in ("demo", "demo.2", "clip")
        if pipeline.read_metric("queue.1", "digitcam_camera_up", camera=name)
    }


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_only_changed_cameras_are_started_and_stopped(tmp_path: Path, clip: Path) -> None:
    (tmp_path / ".env").write_text("CAMERAS=demo,demo\n")
    with run_pipeline(tmp_path, "demo") as pipeline:
        wait_for(lambda: pipeline.count_readings("demo") > 5 and pipeline.count_readings("demo.2") > 5)
        before = pipeline.find_processes()
        change_cameras(pipeline, f"demo,{clip}")
        wait_for(lambda: pipeline.count_readings("clip") > 5)
        wait_for(lambda: list_live_cameras(pipeline) == {"demo", "clip"})
        after = pipeline.find_processes()
        assert after.keys() - before.keys() == {"capture.clip"}
        assert before.keys() - after.keys() == {"capture.demo.2"}
        assert all(before[name].pid == after[name].pid for name in before.keys() & after.keys())
        change_cameras(pipeline, "none.mp4")
        wait_for(lambda: "none.mp4 does not exist" in pipeline.log.read_text())
        readings = pipeline.count_readings("demo")
        wait_for(lambda: pipeline.count_readings("demo") > readings)
        assert {name: process.pid for name, process in pipeline.find_processes().items()} == {
            name: process.pid for name, process in after.items()
        }
    log = pipeline.log.read_text()
    assert "settings were read again: capture.demo.2 stops, capture.clip starts" in log
    assert "Traceback" not in log


def send_request(pipeline: HonchoPipeline, method: str, name: str, source: str = "") -> None:
    """Change the list through the API."""
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}/api/cameras/{name}"
    body = json.dumps({"source": source}).encode() if source else None
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=5):
        pass


def test_added_camera_is_read_and_removed_without_affecting_others(tmp_path: Path) -> None:
    with run_pipeline(tmp_path, "demo") as pipeline:
        wait_for(lambda: pipeline.is_reading("demo"))
        before = pipeline.find_processes()
        send_request(pipeline, "PUT", "hall", "demo")
        wait_for(lambda: pipeline.count_readings("hall") > 5)
        with_hall = pipeline.find_processes()
        assert with_hall.keys() - before.keys() == {"capture.hall"}
        send_request(pipeline, "PUT", "gone", "demo")
        send_request(pipeline, "DELETE", "gone")
        send_request(pipeline, "DELETE", "hall")
        wait_for(lambda: pipeline.find_processes().keys() == before.keys())
        wait_for(lambda: pipeline.read_metric("queue.1", "digitcam_camera_up", camera="hall") == 0)
        assert all(pipeline.find_processes()[name].pid == process.pid for name, process in before.items())
    assert "Traceback" not in pipeline.log.read_text()
