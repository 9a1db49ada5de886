"""One process, one loop, no transport: takes the newest picture of each camera in turn, and reads it."""

from functools import partial
from itertools import cycle

from benchmarks.peers.place import Place, Record, Role, load_vision
from services.capture.grabber import FrameGrabber

LOOK_S = 0.002  # at all cameras once


def loop(place: Place, _: int) -> None:
    """Each camera is read by a thread, which keeps its newest picture."""
    see, record = load_vision(), Record(place)
    readers = [
        FrameGrabber(partial(place.shots, camera), keep_all=False, replaced=pass_over) for camera in place.cameras
    ]
    for camera, reader in cycle(enumerate(readers)):
        if shot := reader.take(LOOK_S / len(readers)):
            see([shot.jpeg])
            record(camera, shot.taken_at)


def pass_over() -> None:
    """A picture that was replaced by a newer one is not counted here: what was not read shows in the share."""


ROLES = {"loop": Role(loop, "run")}
