"""A webcam: its own MJPEG if the driver passes it through, else its pixels, encoded.

Written from OpenCV's sources (cap_avfoundation_mac.mm, cap_msmf.cpp) for systems that the tests do not run on.
"""

import os
import sys
import time
from pathlib import Path

import cv2

from services.capture.frames import FrameStream
from services.capture.opencv import MJPEG, grab_frames, silence_logging
from shared.cameras.options import DEFAULT_OPTIONS, CameraOptions
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem

# Media Foundation takes up to 20 s to open a webcam, DirectShow does not; some webcams work with the other one only
WINDOWS_BACKENDS = (cv2.CAP_DSHOW, cv2.CAP_MSMF)
FAST_MSMF = "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS"  # 0: what takes its time
ANSWER_WITHIN_S = 50.0  # the user answers macOS; a process that starts has 60 s
ASKING_S = 0.08  # an attempt to open takes at least 0.1 s while macOS asks, and less when it was refused


def read_webcam(source: str, options: CameraOptions = DEFAULT_OPTIONS, pace: Pace | None = None) -> FrameStream:
    """Yield the frames of a webcam (a number or a /dev path) until it gives no more. Raises CameraAbsentError."""
    yield from grab_frames(open_webcam(source, options), pace)


def webcam_works() -> bool:
    """Return whether webcam 0 opens and gives a frame. To be called in the main thread."""
    if sys.platform == "linux" and not Path("/dev/video0").exists():
        return False
    wait_for_permission("0")
    try:
        return next(read_webcam("0"), None) is not None
    except CameraAbsentError:
        return False


def wait_for_permission(source: str) -> None:
    """Wait on macOS until the user has answered whether this program may use the webcam.

    macOS shows the question only while the main thread opens the webcam; each attempt shows it for 0.1 s.
    """
    if sys.platform != "darwin":
        return
    deadline = time.monotonic() + ANSWER_WITHIN_S
    is_asking = True
    while is_asking and time.monotonic() < deadline:
        began_at = time.monotonic()
        capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
        is_asking = not capture.isOpened() and time.monotonic() - began_at > ASKING_S
        capture.release()


def open_webcam(source: str, options: CameraOptions = DEFAULT_OPTIONS) -> cv2.VideoCapture:
    """Open a webcam and ask for MJPEG: raw pixels at 640 x 480 fill a USB 2 port. Raises CameraAbsentError."""
    silence_logging()
    capture = connect_webcam(source)
    capture.set(cv2.CAP_PROP_FOURCC, MJPEG)  # first: it decides which sizes and rates there are
    if options.size:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.size[1])
    if options.fps:
        capture.set(cv2.CAP_PROP_FPS, options.fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    if capture.getBackendName() == "V4L2" and int(capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)  # unconverted frames of other drivers are not JPEGs
    return capture


def connect_webcam(source: str) -> cv2.VideoCapture:
    """Return the open webcam. Raises CameraAbsentError with the reason."""
    os.environ.setdefault(FAST_MSMF, "0")
    device = int(source) if source.isdigit() else source
    backends = WINDOWS_BACKENDS if sys.platform == "win32" else (cv2.CAP_ANY,)
    for backend in backends if source.isdigit() else (cv2.CAP_V4L2,):
        capture = cv2.VideoCapture(device, backend)
        if capture.isOpened():
            return capture
        capture.release()
    raise explain_webcam(source)


def explain_webcam(source: str) -> CameraAbsentError:
    """Return why a webcam does not open. Only Linux tells a missing one from one that this user may not open."""
    if sys.platform == "linux":
        device = Path(f"/dev/video{int(source)}" if source.isdigit() else source)
        if not device.exists():
            return CameraAbsentError(CameraProblem.NO_WEBCAM, device)
        if not os.access(device, os.R_OK | os.W_OK):
            return CameraAbsentError(CameraProblem.NOT_PERMITTED, device)
        return CameraAbsentError(CameraProblem.UNPLUGGED)
    return CameraAbsentError(CameraProblem.UNPLUGGED_OR_REFUSED)
