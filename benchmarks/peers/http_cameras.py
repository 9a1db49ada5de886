"""Cameras that post their newest JPEG to a server over HTTP and wait for the digits, for the peers that are servers."""

import http.client
import json
from collections.abc import Callable, Mapping, Sequence

from benchmarks.peers.setup import PeerSetup, ReadingSender
from shared.vision.digit import Digit


def post_frames(
    setup: PeerSetup, camera: int, path: str, make_body: Callable[[bytes], bytes], headers: Mapping[str, str]
) -> None:
    """Post the frame that is due over one connection; frames that are due meanwhile are skipped."""
    viewer = ReadingSender(setup)
    connection = http.client.HTTPConnection("127.0.0.1", setup.worker_ports[0])
    for frame in setup.play_camera(camera):
        try:
            connection.request("POST", path, make_body(frame.jpeg), dict(headers))
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):  # the server is not up yet
            connection.close()
            continue
        if response.status == http.HTTPStatus.OK:
            viewer.send(camera, frame.captured_at, [Digit.from_row(row) for row in json.loads(body)])


def to_rows(digits: Sequence[Digit]) -> list[tuple[float, ...]]:
    """Return digits as a server answers with them."""
    return [digit.to_row() for digit in digits]
