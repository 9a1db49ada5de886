"""vidgear's NetGear in multi-server mode, REQ/REP, as its documentation has it for many cameras and one client.

It carries arrays, and would encode pictures itself; the cameras' JPEGs go through it as arrays of bytes instead, which
spares it a decoding and an encoding of each.
"""

from typing import Any

import numpy as np
from vidgear.gears import NetGear

from benchmarks.peers.place import Place, Record, Role, load_vision, stamp, unstamp

OPTIONS: Any = {"multiserver_mode": True, "jpeg_compression": False}


def client(place: Place, number: int) -> None:
    """Read what comes."""
    see, record = load_vision(), Record(place)
    ports: Any = tuple(str(place.camera_ports[camera]) for camera in place.cameras_of(number))
    gear = NetGear(address="127.0.0.1", port=ports, protocol="tcp", pattern=1, receive_mode=True, **OPTIONS)
    while (received := gear.recv()) is not None:
        _, text, jpeg = received
        see([jpeg.tobytes()])
        record(*unstamp(text))


def serve(place: Place, camera: int) -> None:
    """Send the picture that is due, with its time beside it."""
    port = str(place.camera_ports[camera])
    gear = NetGear(address="127.0.0.1", port=port, protocol="tcp", pattern=1, **OPTIONS)
    for frame in place.play_camera(camera):
        gear.send(np.frombuffer(frame.jpeg, np.uint8), message=stamp(camera, frame.captured_at))


ROLES = {"client": Role(client, "worker"), "serve": Role(serve, "camera")}
