"""A network camera over RTSP or HTTP. MJPEG passes through; other video is decoded and encoded as JPEG."""

import os

import cv2

from services.capture.frames import CameraAbsentError, FrameStream
from services.capture.opencv import MJPEG, grab_frames, silence_logging

# FFmpeg options: buffer nothing, and probe little before the first frame. Opening an RTSP camera then takes 0.2 s
# without stale frames; with the defaults it takes 1 s, and 28 stale frames come first.
LOW_DELAY = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay|analyzeduration;100000|probesize;32768"
OPEN_TIMEOUT_MS = 700  # the default is 30 s
READ_TIMEOUT_MS = 500
PATIENCE_S = 1.6  # three read timeouts; the first frame needs the camera's next key frame, usually within 1 s


def read_network_camera(url: str) -> FrameStream:
    """Yield the frames of a network camera until it sends no more. Raises CameraAbsentError, without the URL."""
    yield from grab_frames(open_network_camera(url), PATIENCE_S)


def open_network_camera(url: str) -> cv2.VideoCapture:
    """Open a URL; if it sends MJPEG, ask for the undecoded JPEGs. Raises CameraAbsentError."""
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", LOW_DELAY)
    silence_logging()
    options = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: OPEN_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: READ_TIMEOUT_MS,
        cv2.CAP_PROP_N_THREADS: 1,  # a decoder with several threads delays each frame by one or two
    }
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [number for option in options.items() for number in option])
    if not capture.isOpened():
        capture.release()
        raise CameraAbsentError("no video stream answers at its address")
    if int(capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
        capture.set(cv2.CAP_PROP_FORMAT, -1)
    return capture
