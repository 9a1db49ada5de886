"""digitcam record: View -> record -> an MP4 of one camera with what was read on it. One more viewer of the pipeline."""

import argparse
import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import simplejpeg

from digitcam.video_writer import VideoWriter
from services.display.display_state import CameraDisplay, DisplayFrame
from shared.messaging.messages import View
from shared.messaging.sockets import ClientSocket, QueueLink
from shared.messaging.subscription import ViewSubscription
from shared.service.signals import configure_logging, stop_on_signals
from shared.service.stage_loop import worker_address
from shared.settings import ConfigError, Settings, load_settings
from shared.vision.overlay import draw_overlay

WAIT_S = 0.1
PATIENCE_S = 5.0  # for a picture: a camera that is gone for longer ends its film
CREDIT = 8


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser("digitcam record", description="Record an MP4 of a camera and its readings.")
    parser.add_argument("camera", help="its name, as the web interface shows it")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the recording (default: 10)")
    parser.add_argument(
        "--to", type=Path, default=Path("recording.mp4"), metavar="FILE", help="file to write (default: recording.mp4)"
    )
    parsed = parser.parse_args(arguments)
    return record(load_settings(), parsed.camera, parsed.seconds, parsed.to)


def record(settings: Settings, camera: str, seconds: float, path: Path) -> int:
    """Record until the film is so long, the camera is gone or the user ends it; the exit code. Raises ConfigError."""
    if path.suffix != ".mp4":
        raise ConfigError(f"--to {path} is not right: it takes a file whose name ends in .mp4.")
    if not 0 < seconds < math.inf:  # also what is no number
        raise ConfigError(f"--seconds {seconds:g} is not right: it takes a number above 0.")
    stop = stop_on_signals()
    configure_logging("record")
    peer = ClientSocket(settings)
    film = VideoWriter(path)
    try:
        run(peer, camera, film, seconds, stop)
    except OSError as error:
        raise ConfigError(f"{error}: name another file with --to.") from error
    finally:
        film.close()
        peer.close()
    if not film.length_s:
        raise ConfigError(
            f"{camera} gave no picture within {PATIENCE_S:.0f} s: is the pipeline running, is that its name?"
        )
    print(f"{path}: {film.length_s:.1f} s")
    return 0


def run(queue: QueueLink, camera: str, film: VideoWriter, seconds: float, stop: threading.Event) -> None:
    """Write what is shown of a camera into a film until that is long enough, or no more pictures come."""
    subscription = ViewSubscription(queue, worker_address(f"record.{os.getpid()}"), CREDIT)
    display, seen_at = CameraDisplay(), monotonic()  # this process's clock: the queue's may jump
    while not stop.is_set() and film.length_s < seconds and monotonic() - seen_at <= PATIENCE_S:
        for view in subscription.receive(WAIT_S):
            if isinstance(view, View) and view.camera == camera and (shown := display.update(view)):
                draw(film, shown)
                seen_at = monotonic()


def draw(film: VideoWriter, shown: DisplayFrame) -> None:
    """Add a frame to a film with what was read on it; a JPEG that is broken is left out."""
    try:
        picture = simplejpeg.decode_jpeg(shown.jpeg, colorspace="BGR")
    except ValueError:
        return
    film.add(draw_overlay(picture, shown.digits, shown.numbers, shown.camera), shown.captured_at)
