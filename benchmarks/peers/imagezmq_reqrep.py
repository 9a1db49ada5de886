"""imagezmq with its default pattern: each camera sends a JPEG to a hub and waits for the reply before the next."""

import imagezmq

from benchmarks.peers.place import Place, Record, Role, load_vision, stamp, unstamp


def hub(place: Place, number: int) -> None:
    """Read what comes, and reply as the examples do: when it has been worked on."""
    see, record = load_vision(), Record(place)
    images = imagezmq.ImageHub(f"tcp://127.0.0.1:{place.worker_ports[number]}")
    while True:
        text, jpeg = images.recv_jpg()
        see([bytes(jpeg)])
        record(*unstamp(text))
        images.send_reply(b"OK")


def send(place: Place, camera: int) -> None:
    """Send the picture that is due; those that are missed while the hub has not replied are left out."""
    sender = imagezmq.ImageSender(f"tcp://127.0.0.1:{place.worker_ports[camera % place.workers]}")
    for frame in place.play_camera(camera):
        sender.send_jpg(stamp(camera, frame.captured_at), frame.jpeg)


ROLES = {"hub": Role(hub, "worker"), "send": Role(send, "camera")}
