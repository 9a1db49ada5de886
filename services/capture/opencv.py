"""Frames from an open cv2.VideoCapture: the camera's own JPEGs pass through, pixels are encoded."""

import os
import time

import cv2
import numpy as np

from services.capture.frames import JPEG_START, FrameStream, encode_jpeg
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame

MJPEG = cv2.VideoWriter.fourcc(*"MJPG")
AT_ONCE_S = 0.01  # less than the time between two video packets
MAX_FAILURES = 10  # grabs that fail at once, in a row


def silence_logging() -> None:
    """Keep OpenCV and FFmpeg from logging: they would log each attempt to open a camera, with its password."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; FFmpeg reads it at the first open
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def grab_frames(capture: cv2.VideoCapture, pace: Pace | None = None) -> FrameStream:
    """Yield the frames of an open capture until it ends, then release it. Raises CameraAbsentError if it falls silent.

    grab() may fail for a moment, which is tolerated as long as the camera's pace allows. Only a webcam that has ended
    fails many times at once.
    """
    last_frame_at, failures = time.monotonic(), 0
    try:
        while failures < MAX_FAILURES:
            called_at = time.monotonic()
            grabbed = capture.grab()
            now = time.monotonic()  # before the work of decoding and encoding
            if grabbed:
                last_frame_at, failures = now, 0
                if jpeg := retrieve_jpeg(capture):
                    yield CapturedFrame(jpeg, now)
            elif not pace:
                return
            elif now - last_frame_at > pace.reopen_after_s:
                raise CameraAbsentError(CameraProblem.NO_FRAMES, f"{now - last_frame_at:.0f}")
            else:
                failures = failures + 1 if now - called_at < AT_ONCE_S else 0
    finally:
        capture.release()


def retrieve_jpeg(capture: cv2.VideoCapture) -> bytes:
    """Return the grabbed frame as JPEG; b"" if it cannot be decoded or is a truncated JPEG."""
    good, pixels = capture.retrieve()
    if not good:
        return b""
    image = np.asarray(pixels, np.uint8)
    if image.ndim == 2 and 1 in image.shape:  # one row of bytes: the camera's own JPEG
        jpeg = image.tobytes()
        return jpeg if jpeg.startswith(JPEG_START) else b""
    return encode_jpeg(image)
