"""imagezmq with PUB/SUB and what its documentation has for slow subscribers: a thread a camera keeps the newest."""

import threading
from itertools import cycle

import imagezmq

from benchmarks.peers.imagezmq_pubsub import publish
from benchmarks.peers.place import Place, Record, Role, load_vision, unstamp

LOOK_S = 0.002  # at all cameras once


class Subscriber:
    """A camera's newest picture, received in a thread."""

    def __init__(self, address: str) -> None:
        self._address, self._newest = address, ("", b"")
        self._is_new = threading.Event()
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        images = imagezmq.ImageHub(self._address, REQ_REP=False)
        while True:
            text, jpeg = images.recv_jpg()
            self._newest = text, bytes(jpeg)
            self._is_new.set()

    def take(self, timeout_s: float) -> tuple[str, bytes] | None:
        """The newest picture, if it was not taken yet."""
        if not self._is_new.wait(timeout_s):
            return None
        self._is_new.clear()
        return self._newest


def hub(place: Place, number: int) -> None:
    """Read the newest picture of each camera in turn."""
    see, record = load_vision(), Record(place)
    ports = [place.camera_ports[camera] for camera in place.cameras_of(number)]
    subscribers = [Subscriber(f"tcp://127.0.0.1:{port}") for port in ports]
    for subscriber in cycle(subscribers):
        if taken := subscriber.take(LOOK_S / len(subscribers)):
            text, jpeg = taken
            see([jpeg])
            record(*unstamp(text))


ROLES = {"hub": Role(hub, "worker"), "publish": Role(publish, "camera")}
