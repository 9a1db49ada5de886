"""One process, one loop, no transport: takes the newest frame of each camera in turn and reads it."""

from functools import partial
from itertools import cycle

from benchmarks.peers.setup import OnePer, PeerSetup, ReadingSender, Role, load_recognize
from services.capture.grabber import FrameGrabber

POLL_S = 0.002  # for one round of all cameras


def loop(setup: PeerSetup, _: int) -> None:
    """Read the cameras; each has a thread that holds its newest frame."""
    recognize, viewer = load_recognize(), ReadingSender(setup)
    grabbers = [
        FrameGrabber(partial(setup.play_camera, camera), keep_all=False, on_replaced=lambda: None)
        for camera in setup.cameras
    ]
    for camera, grabber in cycle(enumerate(grabbers)):
        if frame := grabber.take_frame(POLL_S / len(grabbers)):
            (reading,) = recognize([frame.jpeg])
            viewer.send(camera, frame.captured_at, reading.digits)


ROLES = {"loop": Role(loop, OnePer.RUN)}
