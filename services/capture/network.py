"""A network camera over RTSP or HTTP: MJPEG passes as it comes, other video is decoded and encoded again."""

import os

import cv2

from services.capture.opencv import MJPEG, grab_shots, silence
from shared.cameras.shot import AbsentError, Shots

# For FFmpeg: keep nothing back to be smooth, and look at little before the first picture. Opening an RTSP camera takes
# 0.2 s and no old pictures come first; with the defaults it takes 1 s, and 28 do.
LOW_DELAY = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay|analyzeduration;100000|probesize;32768"
OPEN_TIMEOUT_MS = 700  # the default is 30 s
READ_TIMEOUT_MS = 500
PATIENCE_S = 1.6  # three of these; the first picture waits for the camera's next key frame, usually within a second


def watch_stream(url: str) -> Shots:
    """Yield what a network camera sends, until it sends no more. Raises AbsentError, without the address."""
    yield from grab_shots(open_stream(url), PATIENCE_S)


def open_stream(url: str) -> cv2.VideoCapture:
    """Open an address, and ask for the JPEGs themselves where it sends MJPEG. Raises AbsentError."""
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", LOW_DELAY)
    silence()
    options = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: OPEN_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: READ_TIMEOUT_MS,
        cv2.CAP_PROP_N_THREADS: 1,  # a decoder of several threads gives each picture a frame or two later
    }
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [number for option in options.items() for number in option])
    if not capture.isOpened():
        capture.release()
        raise AbsentError("nothing that sends video answers at its address")
    if int(capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
        capture.set(cv2.CAP_PROP_FORMAT, -1)
    return capture
