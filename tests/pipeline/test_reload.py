"""A camera list that is changed while the pipeline runs."""

import signal
from pathlib import Path

import psutil
import pytest

from tests.pipeline.pipeline import Pipeline, running, wait_for

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")


def change(pipeline: Pipeline, cameras: str) -> None:
    """Write another list, and tell the parent of the capture processes."""
    (pipeline.folder / ".env").write_text(f"CAMERAS={cameras}\n")
    children = psutil.Process(pipeline.honcho.pid).children(recursive=True)
    (parent,) = [child for child in children if child.cmdline()[-2:] == ["run", "capture"]]
    parent.send_signal(signal.SIGHUP)


def cameras_up(pipeline: Pipeline) -> set[str]:
    return {name for name in ("demo", "demo.2", "clip") if pipeline.value("queue.1", "digitcam_camera_up", camera=name)}


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
