"""Opens a camera: one function for each kind, all of which yield shots until the camera gives no more."""

import zlib
from pathlib import Path

from services.capture.files import play_video, read_pictures_once, read_video_once, show_pictures
from services.capture.network import watch_stream
from services.capture.webcam import watch_webcam
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.shot import Shot, Shots, encode, pace
from shared.demo import RATE_HZ, Demo


def open_source(camera: Camera, every_frame: bool) -> Shots:
    """Yield a camera's shots. Raises AbsentError at once, or later when it goes; a file under every_frame just ends."""
    path = Path(camera.source).expanduser()
    match camera.kind:
        case SourceKind.WEBCAM:
            return watch_webcam(camera.source)
        case SourceKind.STREAM:
            return watch_stream(camera.source)
        case SourceKind.DEMO:
            return watch_demo(camera.name)
        case SourceKind.VIDEO:
            return read_video_once(path) if every_frame else play_video(path)
        case SourceKind.PICTURES:
            return read_pictures_once(path) if every_frame else show_pictures(path)


def watch_demo(name: str) -> Shots:
    """Yield the demo camera's pictures; each name has its own desk and numbers."""
    demo = Demo(seed=zlib.crc32(name.encode()))
    for tick in pace(RATE_HZ):
        yield Shot(encode(demo.render(tick.number / RATE_HZ)[0]), tick.due_at)
