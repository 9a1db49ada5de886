"""One process, one loop, no transport: takes the newest frame of each camera in turn and reads it."""

from functools import partial
from itertools import cycle

from benchmarks.peers.setup import OnePer, PeerSetup, ReadingLog, Role, load_recognize
from services.capture.grabber import FrameGrabber

POLL_S = 0.002  # for one round of all cameras


def loop(setup: PeerSetup, _: int) -> None:
    """Read the cameras; each has a thread that holds its newest frame."""
    recognize, log = load_recognize(), ReadingLog(setup)
    grabbers = [
        FrameGrabber(partial(setup.play_camera, camera), keep_all=False, on_replaced=lambda: None)
        for camera in setup.cameras
    ]
    for camera, grabber in cycle(enumerate(grabbers)):
        if frame := grabber.take_frame(POLL_S / len(grabbers)):
            recognize([frame.jpeg])
            log.add(camera, frame.captured_at)


ROLES = {"loop": Role(loop, OnePer.RUN)}
