"""The setup of a peer's processes: films, ports, the vision functions, and where readings go."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from multiprocessing.connection import Client
from pathlib import Path

from benchmarks.bare_loop import RecognizeJpegs, load_bare_loop
from benchmarks.slow_inference import slow_down
from services.capture.files import play_video
from services.capture.frames import FrameStream
from shared.settings import load_settings
from shared.vision.digit import Digit


class OnePer(StrEnum):
    """How many processes a role has: one per run, worker or camera."""

    RUN = "run"
    WORKER = "worker"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSetup:
    """Where a peer runs. Cameras and workers have a port each; camera n belongs to worker n modulo workers.

    viewer is the address of the bench's ReadingReceiver.
    """

    folder: str
    films: tuple[str, ...]
    workers: int
    camera_ports: tuple[int, ...]
    worker_ports: tuple[int, ...]
    viewer: str

    @property
    def cameras(self) -> range:
        """The numbers of the cameras."""
        return range(len(self.films))

    def count_processes(self, one_per: OnePer) -> int:
        return {OnePer.RUN: 1, OnePer.WORKER: self.workers, OnePer.CAMERA: len(self.films)}[one_per]

    def play_camera(self, camera: int) -> FrameStream:
        """Yield the frames of a camera on schedule; late ones are skipped."""
        return play_video(Path(self.films[camera]))

    def cameras_of(self, worker: int) -> range:
        """The cameras that a worker serves."""
        return range(worker, len(self.films), self.workers)

    def to_json(self) -> str:
        """Return the setup as text for a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "PeerSetup":
        values = json.loads(text)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**values | lists)


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of process of a peer runs, given its number, and how many there are."""

    run: Callable[[PeerSetup, int], None]
    one_per: OnePer


class ReadingSender:
    """Sends each reading to the bench, which is to a peer what a viewer is to the pipeline."""

    def __init__(self, setup: PeerSetup) -> None:
        self._connection = Client(setup.viewer)
        self.close = self._connection.close

    def send(self, camera: int, due_at: float, digits: Sequence[Digit]) -> None:
        """Send what was read on a frame."""
        self._connection.send((camera, due_at, [digit.to_row() for digit in digits]))


def load_recognize() -> RecognizeJpegs:
    """Return the vision functions on one thread, slowed down if the bench asks for it."""
    return slow_down(load_bare_loop(load_settings()))


def pack_label(camera: int, due_at: float) -> str:
    """Return a frame's camera and time as text, for peers that carry text with a frame."""
    return f"{camera} {due_at!r}"


def unpack_label(text: str) -> tuple[int, float]:
    camera, due_at = text.split()
    return int(camera), float(due_at)
