"""LitServe: a model server with FastAPI in front; each camera posts its newest JPEG over HTTP.

As many workers as there are cores, which its documentation advises for throughput. No batching: batches have to fit
in one worker, and the networks do not gain by them on a CPU.
"""

import base64
import json
from collections.abc import Mapping

import litserve

from benchmarks.bare_loop import RecognizeJpegs
from benchmarks.peers.http_cameras import post_frames, to_rows
from benchmarks.peers.setup import OnePer, PeerSetup, Role, load_recognize

FORMAT = {"Content-Type": "application/json"}


class DigitsAPI(litserve.LitAPI):
    """JPEG -> the digits on it."""

    recognize: RecognizeJpegs

    def setup(self, device: str) -> None:  # noqa: ARG002 - its signature
        """Load the vision functions, once a worker."""
        self.recognize = load_recognize()

    def decode_request(self, request: Mapping[str, str]) -> bytes:
        return base64.b64decode(request["image"])

    def predict(self, jpeg: bytes) -> list[tuple[float, ...]]:
        (reading,) = self.recognize([jpeg])
        return to_rows(reading.digits)

    def encode_response(self, output: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        return output


def serve(setup: PeerSetup, _: int) -> None:
    """Serve until stopped."""
    server = litserve.LitServer(DigitsAPI(), accelerator="cpu", workers_per_device=setup.workers)
    server.run(host="127.0.0.1", port=setup.worker_ports[0], num_api_servers=1, generate_client_file=False)


def post(setup: PeerSetup, camera: int) -> None:
    """Post the frames of a camera."""
    post_frames(setup, camera, "/predict", to_json, FORMAT)


def to_json(jpeg: bytes) -> bytes:
    """Return a JPEG in Base64, as its documentation sends images."""
    return json.dumps({"image": base64.b64encode(jpeg).decode()}).encode()


ROLES = {"serve": Role(serve, OnePer.RUN), "post": Role(post, OnePer.CAMERA)}
