"""imagezmq with PUB/SUB, as in its examples: a hub subscribes to many cameras and reads every picture that comes."""

import imagezmq

from benchmarks.peers.place import Place, Record, Role, load_vision, stamp, unstamp


def hub(place: Place, number: int) -> None:
    """Read what comes."""
    see, record = load_vision(), Record(place)
    first, *others = (f"tcp://127.0.0.1:{place.camera_ports[camera]}" for camera in place.cameras_of(number))
    images = imagezmq.ImageHub(first, REQ_REP=False)
    for address in others:
        images.connect(address)
    while True:
        text, jpeg = images.recv_jpg()
        see([bytes(jpeg)])
        record(*unstamp(text))


def publish(place: Place, camera: int) -> None:
    """Send every picture."""
    sender = imagezmq.ImageSender(f"tcp://127.0.0.1:{place.camera_ports[camera]}", REQ_REP=False)
    for frame in place.play_camera(camera):
        sender.send_jpg(stamp(camera, frame.captured_at), frame.jpeg)


ROLES = {"hub": Role(hub, "worker"), "publish": Role(publish, "camera")}
