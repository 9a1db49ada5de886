"""Videos and images as cameras: live at their own rate in a loop, or every frame once.

The JPEGs of an MJPEG video pass through undecoded.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice, repeat
from pathlib import Path

from services.capture.frames import JPEG_START, FrameStream, Schedule, encode_jpeg, schedule_ticks
from shared.cameras.file_types import IMAGE_SUFFIXES, find_images, find_media_files
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.vision.image_files import Photo, load_pictures, open_file
from shared.vision.video_files import BgrConverter, decode_frames, demux_video, open_video

DEFAULT_RATE_HZ = 30.0  # for a video that does not state its rate
MAX_RATE_HZ = 120.0  # more is the clock of the container, not a frame rate
IMAGE_S = 2.0  # how long each image of a folder is shown
IMAGE_RATE_HZ = 10.0  # frames per second while it is shown: readings become steady by repetition
SHOWN_NAMES = 5
NO_IMAGE = "there is no readable image in this folder"


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """How a video is played; has_jpegs: its packets are JPEGs that need no change."""

    rate_hz: float
    has_jpegs: bool


def play_video(path: Path, schedule: Schedule = schedule_ticks) -> FrameStream:
    """Yield a video at its own rate in an endless loop; late frames are skipped. Raises CameraAbsentError."""
    video = inspect_video(path)
    frames = enumerate(chain.from_iterable(grab_video(path, video) for _ in repeat(None)))
    for tick in schedule(video.rate_hz):
        encode = next(encode for number, encode in frames if number >= tick.number)
        try:
            jpeg = encode()
        except ValueError as error:
            raise CameraAbsentError(CameraProblem.NO_FILE, f"a frame of the file can't be read: {error}") from error
        yield CapturedFrame(jpeg, tick.due_at)


def read_video_once(path: Path, first: int = 0) -> FrameStream:
    """Yield every decodable frame of a video from an index on, as fast as they are taken. Raises CameraAbsentError.

    A frame that can't be encoded is an empty JPEG, so that it ends and is counted as malformed.
    """
    for encode in islice(grab_video(path, inspect_video(path)), first, None):
        jpeg = b""
        with suppress(ValueError):
            jpeg = encode()
        yield CapturedFrame(jpeg, time.monotonic())


def inspect_video(path: Path) -> VideoFormat:
    """Return how to play a video. Raises CameraAbsentError if none of its frames can be decoded."""
    try:
        with open_file(path) as file, open_video(file) as video:
            stream, frames = video.streams.video[0], decode_frames(video)
            first, is_still = next(frames), next(frames, None) is None
            rate_hz = IMAGE_RATE_HZ if is_still else float(stream.average_rate or stream.guessed_rate or 0)
            return VideoFormat(
                rate_hz=rate_hz if math.isfinite(rate_hz) and 0 < rate_hz <= MAX_RATE_HZ else DEFAULT_RATE_HZ,
                has_jpegs=stream.codec_context.name == "mjpeg" and not BgrConverter(video).changes(first),
            )
    except ValueError as error:
        raise CameraAbsentError(CameraProblem.NO_FILE, error) from error


def grab_video(path: Path, video_format: VideoFormat) -> Iterator[Callable[[], bytes]]:
    """Yield a function for each frame that returns it as JPEG: its own if it needs no change. Raises CameraAbsentError.

    A frame that is skipped is not encoded. The function may raise ValueError.
    """
    try:
        with open_file(path) as file, open_video(file) as video:
            if video_format.has_jpegs:
                jpegs = (bytes(packet) for packet in demux_video(video))
                yield from (partial(bytes, jpeg) for jpeg in jpegs if jpeg.startswith(JPEG_START))
                return
            converter = BgrConverter(video)
            for frame in decode_frames(video):
                yield partial(lambda frame: encode_jpeg(converter.convert(frame)), frame)
    except ValueError as error:
        raise CameraAbsentError(CameraProblem.NO_FILE, error) from error


def show_images(path: Path, schedule: Schedule = schedule_ticks) -> FrameStream:
    """Yield one image, or the images of a folder, for two seconds each in an endless loop. Raises CameraAbsentError."""
    # a broken image is logged as a warning in the first round only
    rounds = (encode_images(path, logging.WARNING if number == 0 else logging.DEBUG) for number in count())
    images, jpeg = chain.from_iterable(rounds), b""
    for tick in schedule(IMAGE_RATE_HZ):
        if tick.number % round(IMAGE_S * IMAGE_RATE_HZ) == 0 or not jpeg:
            jpeg = next(images)
        yield CapturedFrame(jpeg, tick.due_at)


def read_images_once(path: Path, first: int = 0) -> FrameStream:
    """Yield one image, or each image of a folder from an index on, as fast as they are taken. Raises CameraAbsentError.

    A broken image in a folder is an empty JPEG, so that it ends and is counted as malformed.
    """
    if not path.is_dir():
        files = [path]
    elif not (files := find_images(path)):
        raise CameraAbsentError(CameraProblem.NO_FILE, NO_IMAGE)
    log_videos(path, logging.WARNING)
    for file in files[first:]:
        try:
            jpeg = encode_jpeg(load_first_picture(file, logging.WARNING))
        except ValueError as error:
            if file == path:
                raise CameraAbsentError(CameraProblem.NO_FILE, error) from error
            logging.warning("%s can't be read: %s", file.name, error)
            jpeg = b""
        yield CapturedFrame(jpeg, time.monotonic())


def encode_images(path: Path, log_level: int) -> Iterator[bytes]:
    """Yield an image, or the images of a folder by name, as JPEGs. Raises CameraAbsentError if none is readable."""
    if not path.is_dir():
        try:
            yield encode_jpeg(load_first_picture(path, log_level))
        except ValueError as error:
            raise CameraAbsentError(CameraProblem.NO_FILE, error) from error
        return
    readable = 0
    log_videos(path, log_level)
    for file in find_images(path):
        try:
            jpeg = encode_jpeg(load_first_picture(file, log_level))
        except ValueError as error:
            logging.log(log_level, "%s is skipped: %s", file.name, error)
            continue
        readable += 1
        yield jpeg
    if not readable:
        raise CameraAbsentError(CameraProblem.NO_FILE, NO_IMAGE)


def load_first_picture(path: Path, log_level: int) -> Photo:
    """Return the first picture of a file. That there are more is logged. Raises ValueError in one sentence."""
    with open_file(path) as file:
        pictures = load_pictures(file, path.suffix)
        first = next(pictures)
        if logging.getLogger().isEnabledFor(log_level) and has_next(pictures):
            logging.log(log_level, "%s has more than one picture: only its first is read", path.name)
        return first


def has_next(pictures: Iterator[Photo]) -> bool:
    """Return whether there is another picture, readable or not."""
    try:
        return next(pictures, None) is not None
    except ValueError:
        return True


def log_videos(folder: Path, log_level: int) -> None:
    """Log which files of a folder are no cameras' pictures because they are videos."""
    if not logging.getLogger().isEnabledFor(log_level) or not folder.is_dir():
        return
    if videos := [path.name for path in find_media_files(folder) if path.suffix.lower() not in IMAGE_SUFFIXES]:
        names = ", ".join(videos[:SHOWN_NAMES]) + (", ..." if len(videos) > SHOWN_NAMES else "")
        logging.log(log_level, "videos of the folder are left out, make each a camera of its own: %s", names)
