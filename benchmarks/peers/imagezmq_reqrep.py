"""imagezmq with its default pattern: each camera sends a JPEG to a hub and waits for the reply before the next."""

import imagezmq

from benchmarks.peers.setup import OnePer, PeerSetup, ReadingSender, Role, load_recognize, pack_label, unpack_label


def hub(setup: PeerSetup, number: int) -> None:
    """Read each frame and then reply, as the examples do."""
    recognize, viewer = load_recognize(), ReadingSender(setup)
    images = imagezmq.ImageHub(f"tcp://127.0.0.1:{setup.worker_ports[number]}")
    while True:
        label, jpeg = images.recv_jpg()
        (reading,) = recognize([bytes(jpeg)])
        viewer.send(*unpack_label(label), reading.digits)
        images.send_reply(b"OK")


def send(setup: PeerSetup, camera: int) -> None:
    """Send the frame that is due; frames that are due before the hub replies are skipped."""
    sender = imagezmq.ImageSender(f"tcp://127.0.0.1:{setup.worker_ports[camera % setup.workers]}")
    for frame in setup.play_camera(camera):
        sender.send_jpg(pack_label(camera, frame.captured_at), frame.jpeg)


ROLES = {"hub": Role(hub, OnePer.WORKER), "send": Role(send, OnePer.CAMERA)}
