"""mosec: a server with dynamic batching in front of the same networks; each camera posts its newest JPEG over HTTP.

Two stages as in its examples: preprocess one frame at a time, inference up to sixteen, with its default wait.
"""

import json
import sys
from functools import partial

from mosec import Server, Worker

from benchmarks.bare_loop import make_frames
from benchmarks.peers.http_cameras import post_frames, to_rows
from benchmarks.peers.setup import OnePer, PeerSetup, Role
from benchmarks.slow_inference import slow_down
from services.inference import read_batch
from services.preprocess import preprocess_frame
from shared.messaging.messages import GrayFrame, Reading
from shared.settings import load_settings
from shared.vision.recognizer import load_recognizer

MAX_BATCH = 16


class MosecPreprocess(Worker):
    """JPEG -> GrayFrame."""

    def deserialize(self, data: bytes) -> bytes:
        """Return the body of a request, which is the JPEG; mosec gives a memoryview."""
        return bytes(data)

    def forward(self, data: bytes) -> GrayFrame:
        (frame,) = make_frames("mosec", [data])
        gray_frame = preprocess_frame(frame, load_settings().long_side_px)
        assert isinstance(gray_frame, GrayFrame)  # noqa: S101 - the films are valid JPEGs
        return gray_frame


class MosecInference(Worker):
    """GrayFrames -> Readings."""

    def __init__(self) -> None:
        super().__init__()
        settings = load_settings()
        recognizer = load_recognizer(settings.models, settings.backend, settings.device)
        self.read = slow_down(partial(read_batch, recognizer))

    def forward(self, data: list[GrayFrame]) -> list[Reading]:
        return self.read(data)

    def serialize(self, data: Reading) -> bytes:
        """Return the digits as JSON."""
        return json.dumps(to_rows(data.digits)).encode()


def serve(setup: PeerSetup, _: int) -> None:
    """Serve until stopped."""
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(setup.worker_ports[0]), "--path", f"{setup.folder}/mosec"]
    server = Server()
    server.append_worker(MosecPreprocess)
    server.append_worker(MosecInference, max_batch_size=MAX_BATCH)
    server.run()


def post(setup: PeerSetup, camera: int) -> None:
    """Post the frames of a camera."""
    post_frames(setup, camera, "/inference", bytes, {})


ROLES = {"serve": Role(serve, OnePer.RUN), "post": Role(post, OnePer.CAMERA)}
