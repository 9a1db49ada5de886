"""A network camera. Its own reader takes JPEGs over HTTP; FFmpeg takes all other video over HTTP, and RTSP."""

import os
import time
from typing import TYPE_CHECKING

from services.capture.frames import FrameStream
from shared.cameras.address import CameraAddress, parse_address
from shared.cameras.pace import ANSWER_S, CONNECT_S, Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem

if TYPE_CHECKING:
    from av.container import InputContainer

# Probe little before the first frame: opening an RTSP camera then takes 0.3 s; with FFmpeg's defaults it takes 1 s, and
# 28 stale frames come first. Not nobuffer, which drops the key frame that many cameras begin with: at a key frame each
# 4 s the first frame then came after 4.1 s instead of 0.3.
LOW_DELAY = {"flags": "low_delay", "analyzeduration": "100000", "probesize": "32768"}
TRANSPORTS = ("tcp", "udp")  # TCP loses nothing, but some cameras refuse it
OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"  # the user's, as OpenCV writes them: rtsp_transport;udp|probesize;32768
RELEASE_S = 0.5  # a server may need a moment to release one connection before it serves the next
RTSP_READ_TIMEOUT_S = 0.5  # a read that ended so can be repeated


def read_network_camera(url: str, pace: Pace, poll_hz: float = 0.0) -> FrameStream:
    """Yield the frames of a network camera until it sends no more. Raises CameraAbsentError, without the URL."""
    address = parse_address(url)
    if address.scheme.startswith("rtsp"):
        yield from read_container(open_rtsp_camera(address), pace)
        return
    from services.capture.http_camera import POLL_HZ, OtherVideoError, read_http_camera  # noqa: PLC0415 - 15 MB

    try:
        yield from read_http_camera(address, pace, poll_hz or POLL_HZ)
    except OtherVideoError:
        yield from read_container(open_http_video(address), pace)


def read_container(container: "InputContainer", pace: Pace) -> FrameStream:
    """Yield the frames of an open camera. PyAV is imported only where there is video: it takes 7 MB."""
    from services.capture.video_stream import read_video_stream  # noqa: PLC0415

    return read_video_stream(container, pace)


def open_rtsp_camera(address: CameraAddress) -> "InputContainer":
    """Open an RTSP camera over TCP, or else over UDP. Raises CameraAbsentError with the camera's reason."""
    address.connect(CONNECT_S).close()
    problem = CameraAbsentError(CameraProblem.UNREADABLE)
    for transport in TRANSPORTS:
        try:
            return open_with_ffmpeg(address, RTSP_READ_TIMEOUT_S, {"rtsp_transport": transport})
        except CameraAbsentError as error:
            problem = error
        if problem.problem is not CameraProblem.UNREADABLE:
            break
        time.sleep(RELEASE_S)
    raise problem


def open_http_video(address: CameraAddress) -> "InputContainer":
    """Open video other than MJPEG. Raises CameraAbsentError."""
    return open_with_ffmpeg(address, ANSWER_S, {"http_proxy": ""} if address.is_private() else {})


def open_with_ffmpeg(address: CameraAddress, read_timeout_s: float, options: dict[str, str]) -> "InputContainer":
    """Return the open camera, with the user's options in place of ours. Raises CameraAbsentError with the reason."""
    from services.capture.video_stream import open_video_stream  # noqa: PLC0415 - as in read_container()

    given = dict(item.split(";", 1) for item in os.environ.get(OPTIONS, "").split("|") if ";" in item)
    try:
        return open_video_stream(
            address.url_with_login,
            given or LOW_DELAY | options,
            open_timeout_s=ANSWER_S,
            read_timeout_s=read_timeout_s,
        )
    except CameraAbsentError as error:
        if error.problem is CameraProblem.WRONG_LOGIN and not address.has_login:
            raise CameraAbsentError(CameraProblem.NEEDS_LOGIN) from error
        raise
