"""The whole Procfile, for real: honcho, every process, sockets, and processes that are killed."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import psutil

from tests.pipeline.pipeline import Pipeline, running, wait_for

KILL, TERM = signal.SIGKILL, signal.SIGTERM
WORKERS = {"capture.demo": TERM, "queue.1": KILL, "preprocess.1": KILL, "inference.1": TERM, "display.1": KILL}


def reads(pipeline: Pipeline, camera: str, more: int = 5) -> None:
    """Wait until this camera is read, that many frames more than now."""
    before = pipeline.readings(camera)
    wait_for(lambda: pipeline.readings(camera) >= before + more)


def test_demo_camera_is_read_and_ctrl_c_ends_it_all(tmp_path: Path) -> None:
    with running(tmp_path, "demo") as pipeline:
        reads(pipeline, "demo")
        everything = psutil.Process(pipeline.honcho.pid).children(recursive=True)
        before = time.monotonic()
        assert pipeline.interrupt() in (0, 130)
        assert time.monotonic() - before < 2
        assert not psutil.wait_procs(everything, timeout=5)[1]  # where sh forks, init reaps them
    log = pipeline.log.read_text()
    assert "Traceback" not in log
    assert not list((tmp_path / "run" / "targets").glob("*"))


def has_worked(pipeline: Pipeline, worker: str) -> bool:
    """Whether a worker has had more than a handful of frames."""
    return pipeline.value(worker, "digitcam_frames_total") > 10


def test_killed_worker_is_back_within_2_s_and_the_others_never_stop(tmp_path: Path) -> None:
    with running(tmp_path, "demo,demo") as pipeline:
        for worker, end in WORKERS.items():
            reads(pipeline, "demo")
            reads(pipeline, "demo.2")
            before = {name: process.pid for name, process in pipeline.processes().items()}
            os.kill(before[worker], end)
            wait_for(partial(is_another, pipeline, worker, before[worker]), seconds=2)
            after = {name: process.pid for name, process in pipeline.processes().items()}
            assert {name for name in before if before[name] != after.get(name)} == {worker}


def is_another(pipeline: Pipeline, worker: str, pid: int) -> bool:
    """Whether a worker runs again, as another process."""
    process = pipeline.processes().get(worker)
    return process is not None and process.pid != pid


def test_two_inference_workers_share_the_work(tmp_path: Path) -> None:
    with running(tmp_path, "demo,demo", concurrency="prometheus=0,inference=2,preprocess=2") as pipeline:
        for worker in ("inference.1", "inference.2", "preprocess.1", "preprocess.2"):
            wait_for(partial(has_worked, pipeline, worker))


def test_every_frame_of_a_video_is_read_although_a_worker_is_killed(tmp_path: Path, clip: Path) -> None:
    with running(tmp_path, str(clip), EVERY_FRAME="true") as pipeline:
        wait_for(lambda: pipeline.readings("clip") > 5)
        os.kill(pipeline.processes()["inference.1"].pid, signal.SIGKILL)
        wait_for(lambda: pipeline.readings("clip") == 200)
        assert pipeline.value("queue.1", "digitcam_drops_total") == 0
        assert pipeline.value("queue.1", "digitcam_frames_total", stage="queue") == 200


def test_wrong_setting_ends_the_pipeline_in_one_sentence(tmp_path: Path) -> None:
    with running(tmp_path, "demo", BACKEND="tensorflow") as pipeline:
        assert pipeline.honcho.wait(10) == 1
    log = pipeline.log.read_text()
    assert "BACKEND=tensorflow is not right: it takes one of auto, onnx, torch." in log
    assert "Traceback" not in log


def test_models_that_are_missing_end_the_pipeline_in_one_sentence(tmp_path: Path) -> None:
    with running(tmp_path, "demo", MODELS=str(tmp_path)) as pipeline:
        assert pipeline.honcho.wait(10) == 1
    log = pipeline.log.read_text()
    assert f"MODELS={tmp_path}" in log
    assert "Traceback" not in log
