"""Videos and pictures as cameras: at their own pace and again and again, or every picture once.

The JPEGs of an MJPEG video pass on as they are.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count, repeat
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.capture.opencv import MJPEG, retrieve_jpeg, silence
from shared.cameras.file_types import PHOTOS, find_files
from shared.cameras.shot import AbsentError, Shot, Shots, Tick, encode, pace
from shared.vision.gray_frame import as_uint8
from shared.vision.image_files import Picture, load_photo

USUAL_RATE_HZ = 30.0  # of a video that doesn't say
HIGHEST_RATE_HZ = 120.0  # more is a container's tick, not a rate of pictures
PICTURE_S = 2.0  # each picture of a folder is held before the camera for so long,
PICTURE_RATE_HZ = 10.0  # and seen so often: a reading gets steady by repetition
WHITE = 255

Ticks = Callable[[float], Iterable[Tick]]  # of a rate


def play_video(path: Path, ticks: Ticks = pace) -> Shots:
    """Yield a video at its own rate, for ever; a picture that would be late is left out. Raises AbsentError."""
    film = enumerate(chain.from_iterable(map(grab_pictures, repeat(path))))
    for tick in ticks(find_rate(path)):
        video = next(video for number, video in film if number >= tick.number)
        if jpeg := retrieve_jpeg(video):
            yield Shot(jpeg, tick.due_at)


def read_video_once(path: Path) -> Shots:
    """Yield every picture of a video, as far as it can be decoded, as fast as it is taken. Raises AbsentError."""
    for video in grab_pictures(path):
        if jpeg := retrieve_jpeg(video):
            yield Shot(jpeg, time.monotonic())


def grab_pictures(path: Path) -> Iterator[cv2.VideoCapture]:
    """Yield a video opened at each of its pictures in turn, to be retrieved or left. Raises AbsentError for no video.

    The pictures of MJPEG are retrieved as the JPEGs that they are, where OpenCV reads the file through FFmpeg.
    """
    silence()
    video = cv2.VideoCapture(str(path))
    try:
        if int(video.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
            video.set(cv2.CAP_PROP_FORMAT, -1)
        if not video.grab():
            raise AbsentError("this is not a video that can be read")
        yield video
        while video.grab():
            yield video
    finally:
        video.release()


def find_rate(path: Path) -> float:
    """Return a video's pictures per second."""
    silence()
    video = cv2.VideoCapture(str(path))
    rate = video.get(cv2.CAP_PROP_FPS)
    video.release()
    return rate if math.isfinite(rate) and 0 < rate <= HIGHEST_RATE_HZ else USUAL_RATE_HZ


def show_pictures(path: Path, ticks: Ticks = pace) -> Shots:
    """Yield the pictures of a folder, or one picture, each for two seconds, for ever. Raises AbsentError."""
    pictures, jpeg = cycle_pictures(path), b""
    for tick in ticks(PICTURE_RATE_HZ):
        if tick.number % round(PICTURE_S * PICTURE_RATE_HZ) == 0 or not jpeg:
            jpeg = next(pictures)
        yield Shot(jpeg, tick.due_at)


def read_pictures_once(path: Path) -> Shots:
    """Yield each picture of a folder once, as fast as it is taken. Raises AbsentError where there are none."""
    for jpeg in read_pictures(path, logging.warning):
        yield Shot(jpeg, time.monotonic())


def cycle_pictures(path: Path) -> Iterator[bytes]:
    """Yield the JPEGs of a folder again and again; what is broken is logged the first time only."""
    for turn in count():
        yield from read_pictures(path, logging.warning if turn == 0 else logging.debug)


def read_pictures(path: Path, complain: Callable[[str], None]) -> Iterator[bytes]:
    """Yield the JPEGs of a folder in the order of their names; complain of what is broken. AbsentError where all is."""
    files = [file for file in find_files(path) if file.suffix.lower() in PHOTOS] if path.is_dir() else [path]
    sound = 0
    for file in files:
        try:
            jpeg = encode(flatten(load_photo(file)))
        except ValueError as error:
            complain(f"{file.name} is left out: {error}")
            continue
        sound += 1
        yield jpeg
    if not sound:
        raise AbsentError("there is no picture that can be read")


def flatten(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture of 8 or 16 bits as 8 bits, H x W grey or H x W x 3 BGR; what is transparent lies on white."""
    shallow = as_uint8(picture if picture.itemsize == 1 else np.right_shift(picture, 8))
    if shallow.ndim == 2 or shallow.shape[2] == 3:
        return shallow
    alpha = shallow[:, :, 3:].astype(np.float32) / WHITE
    return np.rint(shallow[:, :, :3] * alpha + WHITE * (1 - alpha)).astype(np.uint8)
