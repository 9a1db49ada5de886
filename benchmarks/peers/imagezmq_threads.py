"""imagezmq with PUB/SUB and its documented remedy for slow subscribers: a thread per camera keeps the newest frame."""

import threading
from itertools import cycle

import imagezmq

from benchmarks.peers.imagezmq_pubsub import publish
from benchmarks.peers.setup import OnePer, PeerSetup, ReadingSender, Role, load_recognize, unpack_label

POLL_S = 0.002  # for one round of all cameras


class NewestSubscriber:
    """Receives a camera's frames in a thread and keeps the newest."""

    def __init__(self, address: str) -> None:
        self._address, self._newest = address, ("", b"")
        self._is_new = threading.Event()
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        images = imagezmq.ImageHub(self._address, REQ_REP=False)
        while True:
            label, jpeg = images.recv_jpg()
            self._newest = label, bytes(jpeg)
            self._is_new.set()

    def take_frame(self, timeout_s: float) -> tuple[str, bytes] | None:
        """Return the newest frame if it was not taken yet."""
        if not self._is_new.wait(timeout_s):
            return None
        self._is_new.clear()
        return self._newest


def hub(setup: PeerSetup, number: int) -> None:
    """Read the newest frame of each camera in turn."""
    recognize, viewer = load_recognize(), ReadingSender(setup)
    ports = [setup.camera_ports[camera] for camera in setup.cameras_of(number)]
    subscribers = [NewestSubscriber(f"tcp://127.0.0.1:{port}") for port in ports]
    for subscriber in cycle(subscribers):
        if frame := subscriber.take_frame(POLL_S / len(subscribers)):
            label, jpeg = frame
            (reading,) = recognize([jpeg])
            viewer.send(*unpack_label(label), reading.digits)


ROLES = {"hub": Role(hub, OnePer.WORKER), "publish": Role(publish, OnePer.CAMERA)}
