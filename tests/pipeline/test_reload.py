"""A camera list that is changed while the pipeline runs."""

import json
import signal
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.pipeline.pipeline import Pipeline, running, wait_for


def change(pipeline: Pipeline, cameras: str) -> None:
    """Write another list, and tell the parent of the capture processes."""
    (pipeline.folder / ".env").write_text(f"CAMERAS={cameras}\n")
    children = psutil.Process(pipeline.honcho.pid).children(recursive=True)
    (parent,) = [child for child in children if child.cmdline()[-2:] == ["run", "capture"]]
    parent.send_signal(signal.SIGHUP)


def cameras_up(pipeline: Pipeline) -> set[str]:
    return {name for name in ("demo", "demo.2", "clip") if pipeline.value("queue.1", "digitcam_camera_up", camera=name)}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_only_what_changed_in_the_list_is_started_and_ended(tmp_path: Path, clip: Path) -> None:
    (tmp_path / ".env").write_text("CAMERAS=demo,demo\n")
    with running(tmp_path, "demo") as pipeline:
        wait_for(lambda: pipeline.readings("demo") > 5 and pipeline.readings("demo.2") > 5)
        before = pipeline.processes()
        change(pipeline, f"demo,{clip}")
        wait_for(lambda: pipeline.readings("clip") > 5)
        wait_for(lambda: cameras_up(pipeline) == {"demo", "clip"})
        after = pipeline.processes()
        assert after.keys() - before.keys() == {"capture.clip"}
        assert before.keys() - after.keys() == {"capture.demo.2"}
        assert all(before[name].pid == after[name].pid for name in before.keys() & after.keys())
        change(pipeline, "none.mp4")
        wait_for(lambda: "none.mp4 does not exist" in pipeline.log.read_text())
        reads = pipeline.readings("demo")
        wait_for(lambda: pipeline.readings("demo") > reads)
        assert {name: process.pid for name, process in pipeline.processes().items()} == {
            name: process.pid for name, process in after.items()
        }
    log = pipeline.log.read_text()
    assert "settings read again; ends: capture.demo.2; starts: capture.clip" in log
    assert "Traceback" not in log


def ask(pipeline: Pipeline, method: str, name: str, source: str = "") -> None:
    """Change the list by the interface for programs."""
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}/api/cameras/{name}"
    body = json.dumps({"source": source}).encode() if source else None
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=5):
        pass


def test_camera_added_on_the_page_is_read_and_leaves_again_and_others_do_not_notice(tmp_path: Path) -> None:
    with running(tmp_path, "demo") as pipeline:
        wait_for(lambda: pipeline.is_up("demo"))
        before = pipeline.processes()
        ask(pipeline, "PUT", "hall", "demo")
        wait_for(lambda: pipeline.readings("hall") > 5)
        with_hall = pipeline.processes()
        assert with_hall.keys() - before.keys() == {"capture.hall"}
        ask(pipeline, "PUT", "gone", "demo")
        ask(pipeline, "DELETE", "gone")
        ask(pipeline, "DELETE", "hall")
        wait_for(lambda: pipeline.processes().keys() == before.keys())
        wait_for(lambda: pipeline.value("queue.1", "digitcam_camera_up", camera="hall") == 0)
        assert all(pipeline.processes()[name].pid == process.pid for name, process in before.items())
    assert "Traceback" not in pipeline.log.read_text()
