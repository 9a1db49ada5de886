"""The setup of a peer's processes: films, ports, the vision functions, and a log of the frames that were read."""

import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.bare_loop import RecognizeJpegs, load_bare_loop
from benchmarks.slow_inference import slow_down
from services.capture.files import play_video
from services.capture.frames import FrameStream
from shared.settings import load_settings

ENTRY = struct.Struct("<qdd")


class OnePer(StrEnum):
    """How many processes a role has: one per run, worker or camera."""

    RUN = "run"
    WORKER = "worker"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class PeerReading:
    """A frame that was read: its camera, when it was due, and when its digits were known (time.monotonic())."""

    camera: int
    due_at: float
    done_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSetup:
    """Where a peer runs. Cameras and workers have a port each; camera n belongs to worker n modulo workers."""

    folder: str
    films: tuple[str, ...]
    workers: int
    camera_ports: tuple[int, ...]
    worker_ports: tuple[int, ...]

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


class ReadingLog:
    """The file to which a process writes each frame that it has read: one small append per frame."""

    def __init__(self, setup: PeerSetup) -> None:
        self._file = (Path(setup.folder) / f"readings-{os.getpid()}").open("ab", buffering=0)
        self.close = self._file.close

    def add(self, camera: int, due_at: float) -> None:
        """Record that this frame's digits are known now."""
        self._file.write(ENTRY.pack(camera, due_at, time.monotonic()))


def read_logs(folder: Path) -> Iterator[PeerReading]:
    """Yield what all processes have recorded so far."""
    for path in folder.glob("readings-*"):
        data = path.read_bytes()
        for entry in ENTRY.iter_unpack(data[: len(data) // ENTRY.size * ENTRY.size]):
            yield PeerReading(*entry)


def load_recognize() -> RecognizeJpegs:
    """Return the vision functions on one thread, slowed down if the bench asks for it."""
    return slow_down(load_bare_loop(load_settings()))


def pack_label(camera: int, due_at: float) -> str:
    """Return a frame's camera and time as text, for peers that carry text with a frame."""
    return f"{camera} {due_at!r}"


def unpack_label(text: str) -> tuple[int, float]:
    camera, due_at = text.split()
    return int(camera), float(due_at)
