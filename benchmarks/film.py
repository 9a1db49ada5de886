"""Recorded cameras: MJPEG videos of 640 x 480 with a known number of digits, made once and kept in a cache folder.

Every picture is a function of the film's seed and its own number, made of the demo camera's parts; but one sheet stays
in view all the time, so that each picture holds all of its digits.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.capture.files import grab_video
from services.capture.frames import encode_jpeg
from services.capture.opencv import MJPEG, retrieve_jpeg
from shared.demo import HEIGHT, NOISE, NOISE_ROOM, WIDTH, corners, find_truth, lay_sheet, project, throw_shadow
from shared.demo.desk import draw_desk
from shared.demo.light import FULL, light
from shared.demo.motion import Matrix, hold
from shared.demo.paper import INKS, Sheet, lay_ink, make_paper, place, write_digit

EDITION = 1  # part of a film's name: a change of what is drawn makes new films
LENGTH_S = 3.0  # then the film begins again; 90 pictures at 30 a second are 4 MB
ROW = 5  # digits of a line on the sheet, at most

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BenchFilm:
    """What one recorded camera shows; still: nothing moves, and only the sensor's noise tells pictures apart."""

    seed: int
    fps: float
    digits: int
    still: bool = False

    @property
    def name(self) -> str:
        """The name of its file, and of its camera."""
        return f"{'still' if self.still else 'film'}{self.seed}-{self.digits}-{self.fps:g}-{EDITION}"


def cache_folder() -> Path:
    """Where films are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "digitcam"


def record(film: BenchFilm, folder: Path) -> Path:
    """Return the film's file, made now where it is not there yet (about a second)."""
    path = folder / f"{film.name}.avi"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new.avi")
        write(draft, film.fps, map(encode_jpeg, render(film)))
        draft.replace(path)
    return path


def load(path: Path) -> list[bytes]:
    """The JPEGs of a film."""
    return [retrieve_jpeg(video) for video in grab_video(path)]


def write(path: Path, fps: float, jpegs: Iterator[bytes]) -> None:
    """Put JPEGs into an MJPEG video as they are."""
    raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
    video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, MJPEG, fps, (WIDTH, HEIGHT), raw)
    if not video.isOpened():
        raise OSError(f"{path} cannot be written: OpenCV has no FFmpeg here, or the folder is not to be written to")
    for jpeg in jpegs:
        video.write(np.frombuffer(jpeg, np.uint8))
    video.release()


def render(film: BenchFilm) -> Iterator[Picture]:
    """Yield the film's pictures. Raises ValueError for more digits than fit a sheet."""
    rng = np.random.default_rng((film.seed, film.digits))
    desk, sheet = draw_desk(rng, WIDTH, HEIGHT), write_sheet(rng, film.digits)
    phase, count = rng.uniform(0, 2 * math.pi, 6), round(LENGTH_S * film.fps)
    noises = cut_noises(rng, count)
    for number in range(count):
        t = 0.0 if film.still else number / film.fps
        pose = hold(t, phase, 1.0, sheet.picture.shape[1::-1], (WIDTH, HEIGHT))
        if len(find_truth(sheet, pose)) != film.digits:
            raise ValueError(f"{film.digits} digits do not stay in view")
        picture = expose(desk, sheet, pose, light(t, phase[0], WIDTH, HEIGHT))
        yield np.asarray(cv2.add(picture, noises[number]), np.uint8)


def write_sheet(rng: np.random.Generator, count: int) -> Sheet:
    """A sheet with so many digits, in rows of the same length where that comes out even."""
    rows_needed = max(1, math.ceil(count / ROW))
    text = "".join(map(str, rng.integers(0, 10, count)))
    numbers = tuple(text[count * row // rows_needed : count * (row + 1) // rows_needed] for row in range(rows_needed))
    rows = [[write_digit(rng, int(digit), threshold=0.36) for digit in number] for number in numbers]
    ink, digits = place(rng, rows, numbers)
    paper = lay_ink(rng, make_paper(rng, *ink.shape), ink, INKS[0])
    return Sheet(paper, digits, numbers)


def expose(desk: Picture, sheet: Sheet, pose: Matrix, lamp: Picture) -> Picture:
    """The sheet over the desk, in this light."""
    picture = desk.copy()
    throw_shadow(picture, project(corners(sheet), pose))
    lay_sheet(picture, sheet, pose)
    return np.asarray(cv2.multiply(picture, lamp, scale=1 / FULL), np.uint8)


def cut_noises(rng: np.random.Generator, count: int) -> list[Picture]:
    """The sensor's noise in so many pictures (at most 4096), each from another place of one larger field."""
    shape = (HEIGHT + NOISE_ROOM, WIDTH + NOISE_ROOM, 3)
    field = np.clip(np.round(rng.normal(2 * NOISE, NOISE, shape)), 0, 255).astype(np.uint8)
    places = rng.choice(NOISE_ROOM**2, count, replace=False)
    corners_yx = [divmod(int(place), NOISE_ROOM) for place in places]
    return [field[y : y + HEIGHT, x : x + WIDTH] for y, x in corners_yx]
