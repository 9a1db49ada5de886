"""digitcam run: the process behind a line of the Procfile. It keeps the workers of one stage alive."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from digitcam.launcher import Launcher
from digitcam.run_lock import hold_lock
from digitcam.supervisor import ONE_THREAD, WorkerSpec, keep_alive, make_spec
from shared.pipeline import WORKER_STAGES, Stage
from shared.service.signals import configure_logging, set_parent_death_signal, stop_on_signals, watch_hangup
from shared.settings import ConfigError, load_settings, read_env_file

if TYPE_CHECKING:
    from shared.cameras.camera_list import Camera

OTHER_ENDS_WITHIN_S = 10.0  # honcho kills after 5 s
LOCK_POLL_S = 0.05
CAPTURE = "services.capture.__main__"


def main(arguments: Sequence[str]) -> int:
    """Run the command until told to stop. Raises ConfigError."""
    launcher = Launcher()  # at once: honcho may be killed while this starts
    parser = argparse.ArgumentParser(
        "digitcam run", description="Run the workers of one stage, and restart them if they crash."
    )
    parser.add_argument("stage", choices=[stage.value for stage in Stage])
    stage = Stage(parser.parse_args(arguments).stage)
    stop = stop_on_signals(launcher.limit_end)
    set_parent_death_signal(getattr(signal, "SIGCONT", 0))  # a stopped line continues, and notices it
    configure_logging(stage)
    settings = load_settings()  # a wrong setting is reported here, once for all workers
    instance = find_instance(stage)
    with hold_lock(settings.run_dir, f"{stage}.{instance}", wait_for_lock(stage, stop, launcher)):
        if stage == Stage.CAPTURE:
            return keep_cameras_alive(settings.run_dir, stop, launcher)
        return keep_alive(lambda: [make_spec(settings.run_dir, stage, instance)], stop, launcher=launcher)


def wait_for_lock(stage: Stage, stop: threading.Event, launcher: Launcher) -> Callable[[], bool]:
    """Return what waits for the lock of a line.

    Two pipelines may start at the same instant. The one whose queue comes first wins: the other queue is refused at
    once, which ends its pipeline, and the lines of the first wait until that has given up its locks.
    """
    deadline = time.monotonic() + (0 if stage == Stage.QUEUE else OTHER_ENDS_WITHIN_S)

    def try_again() -> bool:
        if stop.wait(LOCK_POLL_S) or not launcher.is_alive:
            sys.exit(0)
        return time.monotonic() < deadline

    return try_again


def find_instance(stage: Stage) -> str:
    """Return the number that honcho gave to this line. Raises ConfigError if the stage can't be scaled."""
    instance = os.environ.get("HONCHO_PROCESS_NAME", "").rpartition(".")[2] or "1"
    if instance.isdecimal():
        check_scaling(stage, int(instance))
    return instance


def check_scaling(stage: Stage, workers: int) -> None:
    """Raise ConfigError if a stage can't have this many workers."""
    if workers > 1 and stage not in WORKER_STAGES:
        raise ConfigError(
            f"{stage}={workers} is not possible: only {' and '.join(WORKER_STAGES)} can have several workers."
        )


def forget_env_file() -> None:
    """Remove from the environment what honcho copied from .env, so that later changes of the file have an effect."""
    for name, value in read_env_file().items():
        if os.environ.get(name) == value:
            del os.environ[name]


def keep_cameras_alive(run_dir: Path, stop: threading.Event, launcher: Launcher) -> int:
    """Keep the capture processes alive, forked from this one where the system allows it."""
    watch = watch_camera_list(run_dir)
    forget_env_file()
    if sys.platform != "linux":
        return keep_alive(plan_cameras(), stop, watch, launcher)
    from digitcam.forked_worker import ForkedWorker, preload  # noqa: PLC0415 - only this line needs it

    os.environ.update(ONE_THREAD | os.environ)  # a thread of OpenBLAS would not be in the workers
    return keep_alive(plan_cameras(preload), stop, watch, launcher, ForkedWorker)


def plan_cameras(preload: Callable[[set[str]], None] = lambda _: None) -> Callable[[], list[WorkerSpec]]:
    """Return a function that returns a worker for each camera of the current list, after preloading its modules.

    The meaning of "auto" is found once: by the second call the webcam is in use.
    """
    # imported here because the supervisors of the other stages do not need them
    from shared.cameras.added_cameras import append_added_cameras, load_added_cameras  # noqa: PLC0415
    from shared.cameras.camera_list import parse_cameras  # noqa: PLC0415

    webcam_works = cache(probe_webcam)

    def plan() -> list[WorkerSpec]:
        settings = load_settings()
        added = load_added_cameras(settings.run_dir)
        cameras = append_added_cameras(parse_cameras(settings.cameras, webcam_works), added)
        preload({module for camera in cameras for module in list_modules(camera)})
        return [make_spec(settings.run_dir, Stage.CAPTURE, camera.name, repr(camera)) for camera in cameras]

    return plan


def list_modules(camera: "Camera") -> tuple[str, ...]:
    """Return the modules that the capture process of a camera imports."""
    from shared.cameras.camera_list import SourceKind  # noqa: PLC0415 - as above

    match camera.kind:
        case SourceKind.VIDEO | SourceKind.IMAGES:
            return CAPTURE, "services.capture.files"
        case SourceKind.STREAM if camera.source.lower().startswith("http"):
            return CAPTURE, "services.capture.network", "services.capture.http_camera"
        case SourceKind.STREAM:
            return CAPTURE, "services.capture.network", "services.capture.video_stream"
        case _:
            return (CAPTURE,)


def probe_webcam() -> bool:
    """Return whether webcam 0 gives a frame, and log what "auto" therefore means."""
    from services.capture.webcam import webcam_works  # noqa: PLC0415 - OpenCV is 40 MB, and only "auto" needs it here

    is_there = webcam_works()
    meaning = "using webcam 0" if is_there else "no webcam gives a frame, so using the demo camera"
    logging.info("CAMERAS=auto: %s", meaning)
    return is_there


def watch_camera_list(run_dir: Path) -> Callable[[], bool]:
    """Return a function that returns whether the list of cameras may have changed since its last call.

    It changes by a SIGHUP, or through the web interface.
    """
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
