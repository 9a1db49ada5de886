"""View -> record -> MP4: films one camera with its readings drawn on it, as one more viewer of the pipeline."""

import argparse
import math
import os
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic

from digitcam.video_writer import VideoWriter
from services.display.display_state import CameraDisplay, DisplayFrame
from services.display.fan_in import list_cells, settings_of, split_name
from shared.messaging.message_fields import MAX_INTERVAL_S
from shared.messaging.messages import Selection, View
from shared.messaging.sockets import ClientSocket, QueueLink
from shared.messaging.subscription import ViewSubscription
from shared.service.signals import configure_logging, stop_on_signals
from shared.service.stage_loop import worker_address
from shared.settings import Cell, ConfigError, Settings, load_settings
from shared.vision.jpeg import decode_checked
from shared.vision.overlay import draw_overlay

WAIT_S = 0.1
MAX_GAP_S = 5.0  # between two pictures; a camera that is gone for longer ends the recording
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
    """Record until the film is long enough, the camera is gone or Ctrl-C; the exit code. Raises ConfigError."""
    if path.suffix != ".mp4":
        raise ConfigError(f"--to {path} is not right: it takes a file name that ends in .mp4.")
    if not 0 < seconds < math.inf:  # false for nan, too
        raise ConfigError(f"--seconds {seconds:g} is not right: it takes a number above 0.")
    stop = stop_on_signals()
    configure_logging("record")
    cell, own_name = find_cell(settings, camera)
    queue, video = ClientSocket(settings_of(cell, settings)), VideoWriter(path)
    try:
        with closing(queue), closing(video):
            record_views(queue, own_name, video, seconds, stop)
    except OSError as error:
        raise ConfigError(f"{error}: choose another file with --to.") from error
    if not video.length_s:
        raise ConfigError(
            f"no picture of {camera} came within {MAX_GAP_S:.0f} s: start the pipeline, or check the camera's name."
        )
    print(f"{path}: {video.length_s:.1f} s")
    return 0


def find_cell(settings: Settings, camera: str) -> tuple[Cell, str]:
    """Return the cell of a camera, and the camera's name there. Raises ConfigError if CELLS has no such cell."""
    if not settings.cells:
        return list_cells(settings)[0], camera
    name, own_name = split_name(camera)
    for cell in settings.cells:
        if cell.name == name and own_name:
            return cell, own_name
    cells = ", ".join(cell.name for cell in settings.cells)
    raise ConfigError(f"{camera} is no camera of CELLS: write CELL/NAME; the cells are {cells}.")


def record_views(queue: QueueLink, camera: str, video: VideoWriter, seconds: float, stop: threading.Event) -> None:
    """Write the views of a camera until the video is long enough or no more come."""
    subscription = ViewSubscription(queue, worker_address(f"record.{os.getpid()}"), CREDIT)
    selection = Selection(pictures=(camera,), cameras=(), interval_s=MAX_INTERVAL_S)
    display, received_at = CameraDisplay(), monotonic()  # this process's clock: the queue's may jump
    while not stop.is_set() and video.length_s < seconds and monotonic() - received_at <= MAX_GAP_S:
        for view in subscription.receive(WAIT_S, selection):
            if isinstance(view, View) and view.camera == camera and (frame := display.update(view)):
                write_frame(video, frame)
                received_at = monotonic()


def write_frame(video: VideoWriter, frame: DisplayFrame) -> None:
    """Write a frame with its readings drawn on it; skip a broken JPEG."""
    try:
        picture = decode_checked(frame.jpeg, "BGR")
    except ValueError:
        return
    video.write(draw_overlay(picture, frame.digits, frame.numbers, frame.camera), frame.captured_at)
