"""Pictures out of an OpenCV capture: JPEGs pass through as they come, pixels are encoded."""

import os
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.cameras.shot import Shot, Shots, encode

MJPEG = cv2.VideoWriter.fourcc(*"MJPG")
JPEG_START = b"\xff\xd8"
AT_ONCE_S = 0.01  # less than the time between two packets of video
REFUSALS = 10  # in a row


def silence() -> None:
    """Keep OpenCV and FFmpeg from logging: they would on every try to open a camera, and with its password."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET; read when a first video is opened
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def grab_shots(capture: cv2.VideoCapture, patience_s: float = 0.0) -> Shots:
    """Yield what an opened capture gives until it gives no more, then release it.

    FFmpeg says "no more" also of a packet that it cannot decode and when it waited in vain. That is forgiven for
    patience_s after a picture; only a stream that has ended says so many times at once.
    """
    seen_at, refusals = time.monotonic(), 0
    try:
        while refusals < REFUSALS:
            asked_at = time.monotonic()
            grabbed = capture.grab()
            taken_at = time.monotonic()  # before the work of decoding and encoding
            if grabbed:
                seen_at, refusals = taken_at, 0
                if jpeg := retrieve_jpeg(capture):
                    yield Shot(jpeg, taken_at)
            elif taken_at - seen_at > patience_s:
                return
            else:
                refusals = refusals + 1 if taken_at - asked_at < AT_ONCE_S else 0
    finally:
        capture.release()


def retrieve_jpeg(capture: cv2.VideoCapture) -> bytes:
    """Return the picture that was grabbed as a JPEG; b"" where it cannot be decoded."""
    good, picture = capture.retrieve()
    return to_jpeg(np.asarray(picture, np.uint8)) if good else b""


def to_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a JPEG: one row of bytes as it came (b"" where it is torn), pixels (H x W or H x W x 3) encoded."""
    if picture.ndim == 2 and 1 in picture.shape:
        data = picture.tobytes()
        return data if data.startswith(JPEG_START) else b""
    return encode(picture)
