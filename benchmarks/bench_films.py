"""Recorded cameras: MJPEG videos of 640 x 480 with a known number of digits, made once and cached.

Every frame is a function of the film's seed and its own number, drawn like the demo camera's; but one sheet stays in
view all the time, so that each frame contains all of its digits.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from services.capture.files import read_video_once
from services.capture.frames import encode_jpeg
from services.capture.opencv import MJPEG
from shared.demo.camera import (
    HEIGHT,
    NOISE_MARGIN_PX,
    WIDTH,
    Image,
    crop_noise,
    draw_scene,
    find_visible_digits,
    make_noise_field,
)
from shared.demo.desk import draw_desk
from shared.demo.light import compute_light
from shared.demo.motion import compute_pose
from shared.demo.paper import INKS, Sheet, arrange_digits, draw_ink, make_paper, write_digit

EDITION = 1  # part of a film's name: raise it when the drawing changes, so that films are made anew
LENGTH_S = 3.0  # then the film loops; 90 frames at 30 per second are 4 MB
DIGITS_PER_ROW = 5  # at most


@dataclass(frozen=True, slots=True)
class BenchFilm:
    """The film of one recorded camera. In a still film nothing moves, and only sensor noise changes."""

    seed: int
    fps: float
    digits: int
    still: bool = False

    @property
    def name(self) -> str:
        """The name of its file and of its camera."""
        return f"{'still' if self.still else 'film'}{self.seed}-{self.digits}-{self.fps:g}-{EDITION}"


def cache_folder() -> Path:
    """Return the folder where films are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "digitcam"


def make_film(film: BenchFilm, folder: Path) -> Path:
    """Return the film's file; if it does not exist yet, it is made now (about a second)."""
    path = folder / f"{film.name}.avi"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new.avi")
        write_video(draft, film.fps, map(encode_jpeg, render(film)))
        draft.replace(path)
    return path


def load_jpegs(path: Path) -> list[bytes]:
    """Return the frames of a film as JPEGs."""
    return [frame.jpeg for frame in read_video_once(path)]


def write_video(path: Path, fps: float, jpegs: Iterator[bytes]) -> None:
    """Write JPEGs to an MJPEG video without encoding them again."""
    raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
    video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, MJPEG, fps, (WIDTH, HEIGHT), raw)
    if not video.isOpened():
        raise OSError(f"{path} can't be written: OpenCV lacks FFmpeg here, or the folder is not writable")
    for jpeg in jpegs:
        video.write(np.frombuffer(jpeg, np.uint8))
    video.release()


def render(film: BenchFilm) -> Iterator[Image]:
    """Yield the film's frames. Raises ValueError if its digits do not fit on a sheet."""
    rng = np.random.default_rng((film.seed, film.digits))
    desk, sheet = draw_desk(rng, WIDTH, HEIGHT), write_sheet(rng, film.digits)
    phase, count = rng.uniform(0, 2 * math.pi, 6), round(LENGTH_S * film.fps)
    noise = make_noise_field(rng)
    for number, offset in enumerate(rng.choice(NOISE_MARGIN_PX**2, count, replace=False)):  # no two frames alike
        t = 0.0 if film.still else number / film.fps
        pose = compute_pose(t, phase, 1.0, sheet.image.shape[1::-1], (WIDTH, HEIGHT))
        if len(find_visible_digits(sheet, pose)) != film.digits:
            raise ValueError(f"{film.digits} digits do not stay in view")
        frame = draw_scene(desk, sheet, pose, compute_light(t, phase[0], WIDTH, HEIGHT))
        y, x = divmod(int(offset), NOISE_MARGIN_PX)
        yield np.asarray(cv2.add(frame, crop_noise(noise, x, y)), np.uint8)


def write_sheet(rng: np.random.Generator, count: int) -> Sheet:
    """Return a sheet with this number of digits, in rows of about equal length."""
    row_count = max(1, math.ceil(count / DIGITS_PER_ROW))
    text = "".join(map(str, rng.integers(0, 10, count)))
    numbers = tuple(text[count * row // row_count : count * (row + 1) // row_count] for row in range(row_count))
    rows = [[write_digit(rng, int(digit), threshold=0.36) for digit in number] for number in numbers]
    ink, digits = arrange_digits(rng, rows, numbers)
    return Sheet(draw_ink(rng, make_paper(rng, *ink.shape), ink, INKS[0]), digits, numbers)
