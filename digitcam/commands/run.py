"""What stands behind a line of the Procfile: the workers of one stage, kept alive."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from digitcam.supervisor import WorkerSpec, keep_alive, worker_of
from shared.pipeline import WORKER_STAGES, Stage
from shared.service.signals import configure_logging, stop_on_signals, watch_hangup
from shared.settings import ConfigError, load_settings, read_env_file


def run_stage(stage: str) -> int:
    """Start the workers of a stage and keep them alive until told to stop; the exit code. Raises ConfigError."""
    stop = stop_on_signals()
    configure_logging(stage)
    settings = load_settings()  # what is wrong with them is said here, once for all workers
    number = instance_number(stage)
    if stage == Stage.CAPTURE:
        forget_env_file()
        return keep_alive(camera_plan(), stop, list_watch(settings.run_dir))
    return keep_alive(lambda: [worker_of(settings.run_dir, stage, number)], stop)


def instance_number(stage: str) -> str:
    """Which of a line's workers this is, as honcho says. Raises ConfigError where there can be only one."""
    number = os.environ.get("HONCHO_PROCESS_NAME", "").rpartition(".")[2] or "1"
    if number != "1" and stage not in WORKER_STAGES:
        raise ConfigError(
            f"{stage}={number} can't be: only {' and '.join(WORKER_STAGES)} can have more than one worker."
        )
    return number


def forget_env_file() -> None:
    """Take out of the environment what honcho has copied there from .env, or a line deleted there would stay."""
    for name, value in read_env_file().items():
        if os.environ.get(name) == value:
            del os.environ[name]


def probe_webcam() -> bool:
    """Return whether webcam 0 gives a picture."""
    from services.capture.webcam import webcam_works  # noqa: PLC0415 - OpenCV is 40 MB, which only "auto" needs here

    return webcam_works()


def camera_plan() -> Callable[[], list[WorkerSpec]]:
    """A worker for each camera of the list as it now is. What "auto" is stays: the webcam is in use by now."""
    from shared.cameras.added_cameras import append_added_cameras  # noqa: PLC0415 - nor for this
    from shared.cameras.camera_list import parse_cameras  # noqa: PLC0415 - the other lines have no use for it

    webcam_works = cache(probe_webcam)

    def plan() -> list[WorkerSpec]:
        settings = load_settings()
        cameras = append_added_cameras(parse_cameras(settings.cameras, webcam_works), settings.run_dir)
        return [worker_of(settings.run_dir, Stage.CAPTURE, camera.name, repr(camera)) for camera in cameras]

    return plan


def list_watch(run_dir: Path) -> Callable[[], bool]:
    """Says, each time it is asked, whether the list may be another: SIGHUP came, or the page has changed its part."""
    from shared.cameras.added_cameras import fingerprint_added_cameras  # noqa: PLC0415 - as above

    hangup, known = watch_hangup(), fingerprint_added_cameras(run_dir)

    def has_changed() -> bool:
        nonlocal known
        before, known = known, fingerprint_added_cameras(run_dir)
        if hangup.is_set():
            hangup.clear()
            return True
        return known != before

    return has_changed
