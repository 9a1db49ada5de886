"""Opens a camera of any kind as a stream of frames.

Each process has one camera and imports what it needs: PyAV and aiohttp are 28 MB.
"""

# ruff: noqa: PLC0415
import time
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from services.capture.file_cursor import FileCursor
from services.capture.frames import FrameStream, Schedule, encode_jpeg, schedule_ticks
from services.capture.transform import transform_frames
from services.capture.webcam import read_webcam
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.demo.camera import RATE_HZ, DemoCamera
from shared.pipeline import DropReason, Stage
from shared.telemetry import metrics
from shared.vision.jpeg import TooCostlyError, TooLargeError, check_jpeg

MAX_BURST, FLOOD_S = 1000, 2.0  # frames of a network camera in so many seconds are a flood


def is_played(camera: Camera) -> bool:
    """Return whether a live camera can be asked for a frame at any time and gives it at once.

    Not a named pipe, which may block; nor images, since a large one takes long to decode.
    """
    if camera.kind is SourceKind.DEMO:
        return True
    # with #fps most frames that are asked for would be left out
    is_whole = camera.kind is SourceKind.VIDEO and not camera.options.fps
    return is_whole and Path(camera.source).expanduser().is_file()


def open_source(
    camera: Camera,
    every_frame: bool,
    pace: Pace,
    schedule: Schedule = schedule_ticks,
    cursor: FileCursor | None = None,
) -> FrameStream:
    """Yield a camera's frames. Raises CameraAbsentError at once, or later if it is lost.

    With every_frame a file is read once, from where the cursor is, and the stream then ends. schedule: of live files
    and the demo camera.
    """
    frames = open_raw_source(camera, every_frame, pace, schedule, cursor)
    if every_frame:  # preprocess refuses costly pictures, so that each picture of the file ends and is counted there
        return transform_frames(frames, replace(camera.options, fps=0.0))
    return stop_at_costly_frame(camera.name, transform_frames(frames, camera.options))


def stop_at_costly_frame(camera: str, frames: FrameStream) -> FrameStream:
    """Yield frames until one is too large, or would take too long to decode. Then raise CameraAbsentError.

    Viewers must not get it. Broken pictures pass, to be counted by preprocess.
    """
    try:
        with closing(frames):
            for frame in frames:
                try:
                    check_jpeg(frame.jpeg)
                except (TooLargeError, TooCostlyError):
                    raise
                except ValueError:
                    pass
                yield frame
    except (TooLargeError, TooCostlyError) as error:
        metrics.DROPS.labels(camera, Stage.CAPTURE, DropReason.TOO_COSTLY).inc()
        raise CameraAbsentError(CameraProblem.TOO_COSTLY, error) from error


def stop_at_flood(frames: FrameStream, clock: Callable[[], float] = time.monotonic) -> FrameStream:
    """Yield frames until MAX_BURST of them come within FLOOD_S. Then raise CameraAbsentError.

    The smallest picture takes time that other cameras need; late ones come at once, but not so many.
    """
    came_at = deque[float](maxlen=MAX_BURST)
    with closing(frames):
        for frame in frames:
            now = clock()
            if len(came_at) == MAX_BURST and now - came_at[0] < FLOOD_S:
                raise CameraAbsentError(CameraProblem.TOO_FAST, int(MAX_BURST / FLOOD_S))
            came_at.append(now)
            yield frame


def open_raw_source(
    camera: Camera, every_frame: bool, pace: Pace, schedule: Schedule, cursor: FileCursor | None
) -> FrameStream:
    """Yield a camera's frames as it gives them. Raises CameraAbsentError."""
    path = Path(camera.source).expanduser()
    match camera.kind:
        case SourceKind.WEBCAM:
            return read_webcam(camera.source, camera.options, pace)
        case SourceKind.STREAM:
            from services.capture.network import read_network_camera

            return stop_at_flood(read_network_camera(camera.source, pace, camera.options.fps))
        case SourceKind.DEMO:
            return read_demo(camera.name, camera.options.fps, schedule)
        case SourceKind.VIDEO:
            from services.capture.files import play_video, read_video_once

            return read_once(partial(read_video_once, path), cursor) if every_frame else play_video(path, schedule)
        case SourceKind.IMAGES:
            from services.capture.files import read_images_once, show_images

            return read_once(partial(read_images_once, path), cursor) if every_frame else show_images(path, schedule)


def read_once(grab: Callable[[int], FrameStream], cursor: FileCursor | None) -> FrameStream:
    """Yield the frames of a file, from where the cursor is."""
    return cursor.read(grab) if cursor else grab(0)


def read_demo(name: str, fps: float = 0.0, schedule: Schedule = schedule_ticks) -> FrameStream:
    """Yield the frames of the demo camera, at most fps a second; each camera name has its own desk and numbers."""
    demo = DemoCamera(seed=zlib.crc32(name.encode()))
    rate_hz = min(fps or RATE_HZ, RATE_HZ)  # a frame that is not wanted is not drawn
    for tick in schedule(rate_hz):
        yield CapturedFrame(encode_jpeg(demo.render(tick.number / rate_hz)[0]), tick.due_at)
