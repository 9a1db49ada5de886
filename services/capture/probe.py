"""Tries cameras as capture does, for `digitcam doctor`."""

import threading
from collections.abc import Sequence

from services.capture.sources import open_source
from services.capture.webcam import wait_for_permission
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.pace import OPENING_S, Pace
from shared.cameras.problems import SENTENCES, CameraAbsentError, CameraProblem

HUNG = "its driver does not return: unplug it and plug it in again"


def find_camera_problems(cameras: Sequence[Camera], timeout_s: float = OPENING_S) -> dict[str, str]:
    """Open all cameras at once; return by name why a camera gives no frame, in the words of its tile and log."""
    problems = {camera.name: HUNG for camera in cameras}

    def probe(camera: Camera) -> None:
        problems[camera.name] = find_camera_problem(camera)

    for camera in cameras:
        if camera.kind is SourceKind.WEBCAM:
            wait_for_permission(camera.source)
    threads = [threading.Thread(target=probe, args=(camera,), daemon=True) for camera in cameras]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout_s)
    return {name: problem for name, problem in problems.items() if problem}


def find_camera_problem(camera: Camera) -> str:
    """Return why a camera gives no frame; "" if it gives one."""
    frames = open_source(camera, every_frame=False, pace=Pace())
    try:
        return "" if next(frames, None) else SENTENCES[CameraProblem.ENDED]
    except CameraAbsentError as error:
        return str(error)
    finally:
        frames.close()
