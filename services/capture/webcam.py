"""A webcam: its own MJPEG if the driver passes it through, else its pixels, encoded."""

import sys
from pathlib import Path

import cv2

from services.capture.frames import FrameStream
from services.capture.opencv import MJPEG, grab_frames, silence_logging
from shared.cameras.problems import CameraAbsentError, CameraProblem


def read_webcam(source: str) -> FrameStream:
    """Yield the frames of a webcam (a number or a /dev path) until it gives no more. Raises CameraAbsentError."""
    yield from grab_frames(open_webcam(source))


def webcam_works() -> bool:
    """Return whether webcam 0 opens and gives a frame."""
    if sys.platform == "linux" and not Path("/dev/video0").exists():
        return False
    try:
        return next(read_webcam("0"), None) is not None
    except CameraAbsentError:
        return False


def open_webcam(source: str) -> cv2.VideoCapture:
    """Open a webcam and ask for MJPEG: raw pixels at 640 x 480 fill a USB 2 port. Raises CameraAbsentError."""
    silence_logging()
    capture = cv2.VideoCapture(int(source)) if source.isdigit() else cv2.VideoCapture(source, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise CameraAbsentError(CameraProblem.UNPLUGGED)
    capture.set(cv2.CAP_PROP_FOURCC, MJPEG)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    if capture.getBackendName() == "V4L2" and int(capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)  # unconverted frames of other drivers are not JPEGs
    return capture
