"""mosec: a server with dynamic batching in front of the same networks; each camera posts its newest JPEG over HTTP.

Two stages as in its examples, preprocess one picture at a time and inference up to sixteen, with its default wait.
"""

import http.client
import sys
from functools import partial

from mosec import Server, Worker

from benchmarks.peers.place import Place, Record, Role
from benchmarks.slow import slowed
from services import inference, preprocess
from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.settings import load_settings
from shared.vision.recognizer import load_recognizer

MAX_BATCH = 16


class Preprocess(Worker):
    """A JPEG becomes a page."""

    def deserialize(self, data: bytes) -> bytes:
        """The body of a request is the JPEG."""
        return data

    def forward(self, data: bytes) -> GrayFrame:
        """What the preprocess service does."""
        page = preprocess.preprocess_frame(
            Frame(camera="mosec", seq=0, captured_at=0.0, every_frame=False, jpeg=data), load_settings().long_side_px
        )
        assert isinstance(page, GrayFrame)  # noqa: S101 - the films are sound
        return page


class Inference(Worker):
    """Many pages become readings."""

    def __init__(self) -> None:
        super().__init__()
        settings = load_settings()
        reader = load_recognizer(settings.models, settings.backend, settings.device)
        self.read = slowed(partial(inference.read_batch, reader))

    def forward(self, data: list[GrayFrame]) -> list[Reading]:
        """What the inference service does."""
        return self.read(data)

    def serialize(self, data: Reading) -> bytes:
        """The digits, as text."""
        return "".join(str(digit.digit) for digit in data.digits).encode()


def serve(place: Place, _: int) -> None:
    """Serve until ended."""
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(place.worker_ports[0]), "--path", f"{place.folder}/mosec"]
    server = Server()
    server.append_worker(Preprocess)
    server.append_worker(Inference, max_batch_size=MAX_BATCH)
    server.run()


def post(place: Place, camera: int) -> None:
    """Post the picture that is due over one connection; those that are missed meanwhile are left out."""
    record = Record(place)
    line = http.client.HTTPConnection("127.0.0.1", place.worker_ports[0])
    for frame in place.play_camera(camera):
        try:
            line.request("POST", "/inference", frame.jpeg)
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):  # the server is not up yet
            line.close()
            continue
        if answer.status == http.HTTPStatus.OK:
            record(camera, frame.captured_at)


ROLES = {"serve": Role(serve, "run"), "post": Role(post, "camera")}
