"""imagezmq with PUB/SUB, as in its examples: a hub subscribes to many cameras and reads every frame that arrives."""

import imagezmq

from benchmarks.peers.setup import OnePer, PeerSetup, ReadingSender, Role, load_recognize, pack_label, unpack_label


def hub(setup: PeerSetup, number: int) -> None:
    """Read every frame that arrives."""
    recognize, viewer = load_recognize(), ReadingSender(setup)
    first, *others = (f"tcp://127.0.0.1:{setup.camera_ports[camera]}" for camera in setup.cameras_of(number))
    images = imagezmq.ImageHub(first, REQ_REP=False)
    for address in others:
        images.connect(address)
    while True:
        label, jpeg = images.recv_jpg()
        (reading,) = recognize([bytes(jpeg)])
        viewer.send(*unpack_label(label), reading.digits)


def publish(setup: PeerSetup, camera: int) -> None:
    """Send every frame."""
    sender = imagezmq.ImageSender(f"tcp://127.0.0.1:{setup.camera_ports[camera]}", REQ_REP=False)
    for frame in setup.play_camera(camera):
        sender.send_jpg(pack_label(camera, frame.captured_at), frame.jpeg)


ROLES = {"hub": Role(hub, OnePer.WORKER), "publish": Role(publish, OnePer.CAMERA)}
