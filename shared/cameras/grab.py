"""Pictures out of an OpenCV capture: JPEGs pass through as they come, pixels are encoded."""

import os
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.cameras.shot import Shot, Shots, encode

MJPEG = cv2.VideoWriter.fourcc(*"MJPG")
JPEG_START = b"\xff\xd8"


def silence() -> None:
    """Keep OpenCV and FFmpeg from logging: they would on every try to open a camera, and with its password."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET; read when a first video is opened
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def grab_shots(capture: cv2.VideoCapture) -> Shots:
    """Yield what an opened capture gives until it gives no more, then release it."""
    try:
        while capture.grab():
            taken_at = time.monotonic()  # before the work of decoding and encoding
            good, picture = capture.retrieve()
            jpeg = to_jpeg(np.asarray(picture, np.uint8)) if good else b""
            if jpeg:
                yield Shot(jpeg, taken_at)
    finally:
        capture.release()


def to_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a JPEG: what came as one row of bytes as it is (b"" where it is torn), H x W or H x W x 3 encoded."""
    if picture.ndim == 2 and picture.shape[0] == 1:
        data = picture.tobytes()
        return data if data.startswith(JPEG_START) else b""
    return encode(picture)
