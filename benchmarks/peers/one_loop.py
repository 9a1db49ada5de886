"""One process, one loop, no transport: takes the newest picture of each camera in turn, and reads it."""

from functools import partial
from itertools import cycle

from benchmarks.peers.place import Place, Record, Role, load_vision
from services.capture.grabber import FrameGrabber

LOOK_S = 0.002  # at all cameras once


def loop(place: Place, _: int) -> None:
    """Each camera is read by a thread, which keeps its newest picture."""
    see, record = load_vision(), Record(place)
    grabbers = [
        FrameGrabber(partial(place.play_camera, camera), keep_all=False, on_replaced=pass_over)
        for camera in place.cameras
    ]
    for camera, grabber in cycle(enumerate(grabbers)):
        if frame := grabber.take_frame(LOOK_S / len(grabbers)):
            see([frame.jpeg])
            record(camera, frame.captured_at)


def pass_over() -> None:
    """A picture that was replaced by a newer one is not counted here: what was not read shows in the share."""


ROLES = {"loop": Role(loop, "run")}
