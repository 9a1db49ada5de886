"""The whole Procfile with real processes and sockets; some processes are killed."""

import os
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.pipeline.pipeline import HonchoPipeline, run_pipeline, wait_for

KILL, TERM = signal.SIGKILL, signal.SIGTERM
WORKERS = {"capture.demo": TERM, "queue.1": KILL, "preprocess.1": KILL, "inference.1": TERM, "display.1": KILL}


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still does anything: where sh forks, init reaps the ended ones a moment later."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def wait_for_readings(pipeline: HonchoPipeline, camera: str, more: int = 5) -> None:
    """Wait until this many more frames of a camera are read."""
    before = pipeline.count_readings(camera)
    wait_for(lambda: pipeline.count_readings(camera) >= before + more)


def count_followed(pipeline: HonchoPipeline) -> float:
    return pipeline.read_metric("queue.1", "digitcam_followed_total")


def test_demo_camera_is_read_and_followed_and_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    with run_pipeline(tmp_path, "demo") as pipeline:
        wait_for_readings(pipeline, "demo")
        wait_for(lambda: count_followed(pipeline) > 5)
        processes = psutil.Process(pipeline.honcho.pid).children(recursive=True)
        before = time.monotonic()
        assert pipeline.press_ctrl_c() in (0, 130)
        assert time.monotonic() - before < 2
        assert not any(map(is_alive, processes))
    log = pipeline.log.read_text()
    assert "Traceback" not in log
    assert not list((tmp_path / "run" / "targets").glob("*"))


def has_worked(pipeline: HonchoPipeline, worker: str) -> bool:
    """Return whether a worker has processed some frames."""
    return pipeline.read_metric(worker, "digitcam_frames_total") > 10


def test_killed_worker_is_back_within_2_s_and_the_others_never_stop(tmp_path: Path) -> None:
    with run_pipeline(tmp_path, "demo,demo") as pipeline:
        for worker, end in WORKERS.items():
            wait_for_readings(pipeline, "demo")
            wait_for_readings(pipeline, "demo.2")
            before = {name: process.pid for name, process in pipeline.find_processes().items()}
            os.kill(before[worker], end)
            wait_for(partial(is_restarted, pipeline, worker, before[worker]), timeout_s=2)
            after = {name: process.pid for name, process in pipeline.find_processes().items()}
            assert {name for name in before if before[name] != after.get(name)} == {worker}


def is_restarted(pipeline: HonchoPipeline, worker: str, pid: int) -> bool:
    """Return whether a worker runs again as a new process."""
    process = pipeline.find_processes().get(worker)
    return process is not None and process.pid != pid


def test_two_inference_workers_share_the_work(tmp_path: Path) -> None:
    with run_pipeline(tmp_path, "demo,demo", concurrency="prometheus=0,inference=2,preprocess=2") as pipeline:
        for worker in ("inference.1", "inference.2", "preprocess.1", "preprocess.2"):
            wait_for(partial(has_worked, pipeline, worker))


@pytest.mark.slow
@pytest.mark.parametrize("frames", ["shared", "inline"])
def test_every_frame_of_a_video_is_read_although_a_worker_is_killed(tmp_path: Path, clip: Path, frames: str) -> None:
    with run_pipeline(tmp_path, str(clip), EVERY_FRAME="true", FRAMES=frames) as pipeline:
        wait_for(lambda: pipeline.count_readings("clip") > 5)
        os.kill(pipeline.find_processes()["inference.1"].pid, signal.SIGKILL)
        wait_for(lambda: pipeline.count_readings("clip") == 200)
        assert pipeline.read_metric("queue.1", "digitcam_drops_total") == 0
        assert count_followed(pipeline) == 0
        assert pipeline.read_metric("queue.1", "digitcam_frames_total", stage="queue") == 200


def test_wrong_setting_ends_the_pipeline_in_one_sentence(tmp_path: Path) -> None:
    with run_pipeline(tmp_path, "demo", BACKEND="tensorflow") as pipeline:
        assert pipeline.honcho.wait(10) == 1
    log = pipeline.log.read_text()
    assert "BACKEND=tensorflow is not right: it takes one of auto, onnx, torch." in log
    assert "Traceback" not in log


def test_models_that_are_missing_end_the_pipeline_in_one_sentence(tmp_path: Path) -> None:
    with run_pipeline(tmp_path, "demo", MODELS=str(tmp_path)) as pipeline:
        assert pipeline.honcho.wait(10) == 1
    log = pipeline.log.read_text()
    assert f"MODELS={tmp_path}" in log
    assert "Traceback" not in log
