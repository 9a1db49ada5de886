"""A network camera. Its own reader takes JPEGs over HTTP; FFmpeg takes all other video over HTTP, and RTSP."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from services.capture.frames import FrameStream
from services.capture.http_camera import POLL_HZ, OtherVideoError, read_http_camera
from services.capture.opencv import MJPEG, grab_frames, silence_logging
from services.capture.rtsp_probe import explain_rtsp
from shared.cameras.address import CameraAddress, parse_address
from shared.cameras.pace import ANSWER_S, CONNECT_S, Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem

# FFmpeg options: buffer nothing, and probe little before the first frame. Opening an RTSP camera then takes 0.2 s
# without stale frames; with the defaults it takes 1 s, and 28 stale frames come first.
LOW_DELAY = "fflags;nobuffer|flags;low_delay|analyzeduration;100000|probesize;32768"
TRANSPORTS = ("tcp", "udp")  # TCP loses nothing, but some cameras refuse it
OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
ENVIRONMENT_LOCK = threading.Lock()  # `digitcam doctor` opens several cameras at once
RELEASE_S = 0.5  # a server may need a moment to release one connection before it serves the next
RTSP_READ_TIMEOUT_S = 0.5  # a read that ended so can be repeated
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def read_network_camera(url: str, pace: Pace, poll_hz: float = 0.0) -> FrameStream:
    """Yield the frames of a network camera until it sends no more. Raises CameraAbsentError, without the URL."""
    address = parse_address(url)
    if address.scheme.startswith("rtsp"):
        yield from grab_frames(open_rtsp_camera(address), pace)
        return
    try:
        yield from read_http_camera(address, pace, poll_hz or POLL_HZ)
    except OtherVideoError:
        yield from grab_frames(open_http_video(address), pace)


def open_rtsp_camera(address: CameraAddress) -> cv2.VideoCapture:
    """Open an RTSP camera over TCP, or else over UDP. Raises CameraAbsentError with the camera's reason."""
    address.connect(CONNECT_S).close()
    for transport in TRANSPORTS:
        began_at = time.monotonic()
        if capture := open_with_ffmpeg(address, RTSP_READ_TIMEOUT_S, f"rtsp_transport;{transport}|{LOW_DELAY}"):
            return capture
        if time.monotonic() - began_at >= ANSWER_S:
            raise CameraAbsentError(CameraProblem.NO_ANSWER)
        time.sleep(RELEASE_S)
    raise explain_rtsp(address)


def open_http_video(address: CameraAddress) -> cv2.VideoCapture:
    """Open video other than MJPEG. Raises CameraAbsentError."""
    if address.is_private():
        for name in PROXIES:
            os.environ.pop(name, None)  # FFmpeg would ask the proxy; this process has no other connections
    if capture := open_with_ffmpeg(address, ANSWER_S, LOW_DELAY):
        return capture
    raise CameraAbsentError(CameraProblem.NO_VIDEO)


def open_with_ffmpeg(address: CameraAddress, read_timeout_s: float, options: str) -> cv2.VideoCapture | None:
    """Return the open camera; if it sends MJPEG, it will give its own JPEGs. None if FFmpeg can't open it."""
    silence_logging()
    parameters = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: round(1000 * ANSWER_S),  # the default is 30 s
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: round(1000 * read_timeout_s),
        cv2.CAP_PROP_N_THREADS: 1,  # a decoder with several threads delays each frame by one or two
    }
    with default_options(options):
        capture = cv2.VideoCapture(
            address.url_with_login, cv2.CAP_FFMPEG, [number for option in parameters.items() for number in option]
        )
    if not capture.isOpened():
        capture.release()
        return None
    if int(capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
        capture.set(cv2.CAP_PROP_FORMAT, -1)
    return capture


@contextmanager
def default_options(options: str) -> Iterator[None]:
    """Give options to FFmpeg, which takes them from the environment; those that the user set there win."""
    with ENVIRONMENT_LOCK:
        is_given = OPTIONS in os.environ
        os.environ.setdefault(OPTIONS, options)
        try:
            yield
        finally:
            if not is_given:
                del os.environ[OPTIONS]
