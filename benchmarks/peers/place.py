"""What a process of a peer is given: films, ports, what to do with a picture, and where to say when it was read."""

import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from benchmarks.bare import See, load_see
from benchmarks.slow import slowed
from services.capture.files import play_video
from services.capture.frames import FrameStream
from shared.settings import load_settings

ENTRY = struct.Struct("<qdd")
Each = Literal["run", "worker", "camera"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that was read: of which camera, when it was due, and when its digits were known (time.monotonic())."""

    camera: int
    due_at: float
    done_at: float


@dataclass(frozen=True, slots=True)
class Place:
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

    def count(self, each: Each) -> int:
        """How many processes a role has."""
        return {"run": 1, "worker": self.workers, "camera": len(self.films)}[each]

    def play_camera(self, camera: int) -> FrameStream:
        """The pictures of a camera, at their times; what is late is left out."""
        return play_video(Path(self.films[camera]))

    def cameras_of(self, worker: int) -> range:
        """The cameras that a worker serves."""
        return range(worker, len(self.films), self.workers)

    def to_json(self) -> str:
        """As text, for the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Place":
        """What to_json made."""
        values = json.loads(text)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**values | lists)


@dataclass(frozen=True, slots=True)
class Role:
    """What a process of a peer runs, given its number, and how many there are: one each run, worker or camera."""

    run: Callable[[Place, int], None]
    each: Each


class Record:
    """Where a process writes down what was read: one small append a picture."""

    def __init__(self, place: Place) -> None:
        self._file = (Path(place.folder) / f"record-{os.getpid()}").open("ab", buffering=0)
        self.close = self._file.close

    def __call__(self, camera: int, due_at: float) -> None:
        """This picture's digits are known now."""
        self._file.write(ENTRY.pack(camera, due_at, time.monotonic()))


def samples(folder: Path) -> Iterator[Sample]:
    """What all processes have written down so far."""
    for path in folder.glob("record-*"):
        data = path.read_bytes()
        for entry in ENTRY.iter_unpack(data[: len(data) // ENTRY.size * ENTRY.size]):
            yield Sample(*entry)


def load_vision() -> See:
    """The vision functions, on one thread; slowed down where the bench asks for it."""
    return slowed(load_see(load_settings()))


def stamp(camera: int, due_at: float) -> str:
    """A picture's camera and time as one word, for peers that carry text beside it."""
    return f"{camera} {due_at!r}"


def unstamp(text: str) -> tuple[int, float]:
    """What stamp made."""
    camera, due_at = text.split()
    return int(camera), float(due_at)
