"""Videos and images as cameras: live at their own rate in a loop, or every frame once.

The JPEGs of an MJPEG video pass through undecoded.
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

from services.capture.frames import FrameStream, Tick, encode_jpeg, schedule_ticks
from services.capture.opencv import MJPEG, retrieve_jpeg, silence_logging
from shared.cameras.file_types import IMAGE_SUFFIXES, find_media_files
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.vision.gray_frame import as_uint8
from shared.vision.image_files import Picture, load_photo

DEFAULT_RATE_HZ = 30.0  # for a video that does not state its rate
MAX_RATE_HZ = 120.0  # more is the clock of the container, not a frame rate
IMAGE_S = 2.0  # how long each image of a folder is shown
IMAGE_RATE_HZ = 10.0  # frames per second while it is shown: readings become steady by repetition
WHITE = 255

Schedule = Callable[[float], Iterable[Tick]]  # rate in Hz -> ticks


def play_video(path: Path, schedule: Schedule = schedule_ticks) -> FrameStream:
    """Yield a video at its own rate in an endless loop; late frames are skipped. Raises CameraAbsentError."""
    frames = enumerate(chain.from_iterable(map(grab_video, repeat(path))))
    for tick in schedule(read_frame_rate(path)):
        video = next(video for number, video in frames if number >= tick.number)
        if jpeg := retrieve_jpeg(video):
            yield CapturedFrame(jpeg, tick.due_at)


def read_video_once(path: Path) -> FrameStream:
    """Yield every decodable frame of a video, as fast as the consumer takes them. Raises CameraAbsentError."""
    for video in grab_video(path):
        if jpeg := retrieve_jpeg(video):
            yield CapturedFrame(jpeg, time.monotonic())


def grab_video(path: Path) -> Iterator[cv2.VideoCapture]:
    """Yield the open video once per grabbed frame, to be retrieved or skipped. Raises CameraAbsentError.

    If OpenCV reads an MJPEG file through FFmpeg, retrieve() returns its JPEGs undecoded.
    """
    silence_logging()
    video = cv2.VideoCapture(str(path))
    try:
        if int(video.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
            video.set(cv2.CAP_PROP_FORMAT, -1)
        if not video.grab():
            raise CameraAbsentError(CameraProblem.NO_FILE, "the file is not a readable video")
        yield video
        while video.grab():
            yield video
    finally:
        video.release()


def read_frame_rate(path: Path) -> float:
    """Return a video's frames per second."""
    silence_logging()
    video = cv2.VideoCapture(str(path))
    rate_hz = video.get(cv2.CAP_PROP_FPS)
    video.release()
    return rate_hz if math.isfinite(rate_hz) and 0 < rate_hz <= MAX_RATE_HZ else DEFAULT_RATE_HZ


def show_images(path: Path, schedule: Schedule = schedule_ticks) -> FrameStream:
    """Yield one image, or the images of a folder, for two seconds each in an endless loop. Raises CameraAbsentError."""
    # a broken image is logged as a warning in the first round only
    rounds = (encode_images(path, logging.WARNING if number == 0 else logging.DEBUG) for number in count())
    images, jpeg = chain.from_iterable(rounds), b""
    for tick in schedule(IMAGE_RATE_HZ):
        if tick.number % round(IMAGE_S * IMAGE_RATE_HZ) == 0 or not jpeg:
            jpeg = next(images)
        yield CapturedFrame(jpeg, tick.due_at)


def read_images_once(path: Path) -> FrameStream:
    """Yield one image, or each image of a folder, as fast as the consumer takes them. Raises CameraAbsentError."""
    for jpeg in encode_images(path, logging.WARNING):
        yield CapturedFrame(jpeg, time.monotonic())


def encode_images(path: Path, log_level: int) -> Iterator[bytes]:
    """Yield an image, or the images of a folder by name, as JPEGs. Raises CameraAbsentError if none is readable."""
    in_folder = [file for file in find_media_files(path) if file.suffix.lower() in IMAGE_SUFFIXES]
    readable = 0
    for file in in_folder if path.is_dir() else [path]:
        try:
            jpeg = encode_jpeg(to_opaque_8_bit(load_photo(file)))
        except ValueError as error:
            logging.log(log_level, "%s is skipped: %s", file.name, error)
            continue
        readable += 1
        yield jpeg
    if not readable:
        raise CameraAbsentError(CameraProblem.NO_FILE, "there is no readable image")


def to_opaque_8_bit(image: Picture) -> NDArray[np.uint8]:
    """Return an image of 8 or 16 bits as 8 bits, H x W gray or H x W x 3 BGR; transparency becomes white."""
    shallow = as_uint8(image if image.itemsize == 1 else np.right_shift(image, 8))
    if shallow.ndim == 2 or shallow.shape[2] == 3:
        return shallow
    alpha = shallow[:, :, 3:].astype(np.float32) / WHITE
    return np.rint(shallow[:, :, :3] * alpha + WHITE * (1 - alpha)).astype(np.uint8)
