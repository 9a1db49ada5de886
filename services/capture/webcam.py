"""A webcam: its own MJPEG where the driver hands it over, else its pictures, encoded."""

import sys
from pathlib import Path

import cv2

from services.capture.opencv import MJPEG, grab_shots, silence
from shared.cameras.shot import AbsentError, Shots


def watch_webcam(source: str) -> Shots:
    """Yield what a webcam (a number or a /dev path) sees, until it gives no more. Raises AbsentError."""
    yield from grab_shots(open_webcam(source))


def webcam_works() -> bool:
    """Whether webcam 0 opens and gives a picture."""
    if sys.platform == "linux" and not Path("/dev/video0").exists():
        return False
    try:
        return next(watch_webcam("0"), None) is not None
    except AbsentError:
        return False


def open_webcam(source: str) -> cv2.VideoCapture:
    """Open a webcam and ask for MJPEG: raw pixels fill a USB 2 port at 640 x 480. Raises AbsentError."""
    silence()
    capture = cv2.VideoCapture(int(source)) if source.isdigit() else cv2.VideoCapture(source, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise AbsentError("the webcam is not there, or another program uses it")
    capture.set(cv2.CAP_PROP_FOURCC, MJPEG)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    if capture.getBackendName() == "V4L2" and int(capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)  # other drivers' unconverted pictures are no JPEGs
    return capture
