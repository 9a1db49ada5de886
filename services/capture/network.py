"""A network camera. Its own reader takes JPEGs over HTTP; FFmpeg takes all other video over HTTP, and RTSP."""

import os
import time
from collections.abc import Mapping

from av.container import InputContainer

from services.capture.frames import FrameStream
from services.capture.http_camera import POLL_HZ, OtherVideoError, read_http_camera
from services.capture.rtsp_probe import explain_rtsp
from services.capture.video_stream import open_video_stream, read_video_stream
from shared.cameras.address import CameraAddress, parse_address
from shared.cameras.pace import ANSWER_S, CONNECT_S, Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem

# Buffer nothing, and probe little before the first frame. Opening an RTSP camera then takes 0.3 s without stale frames;
# with FFmpeg's defaults it takes 1 s, and 28 stale frames come first.
LOW_DELAY = {"fflags": "nobuffer", "flags": "low_delay", "analyzeduration": "100000", "probesize": "32768"}
TRANSPORTS = ("tcp", "udp")  # TCP loses nothing, but some cameras refuse it
OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"  # the user's, as OpenCV writes them: rtsp_transport;udp|probesize;32768
RELEASE_S = 0.5  # a server may need a moment to release one connection before it serves the next
RTSP_READ_TIMEOUT_S = 0.5  # a read that ended so can be repeated
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def read_network_camera(url: str, pace: Pace, poll_hz: float = 0.0) -> FrameStream:
    """Yield the frames of a network camera until it sends no more. Raises CameraAbsentError, without the URL."""
    address = parse_address(url)
    if address.scheme.startswith("rtsp"):
        yield from read_video_stream(open_rtsp_camera(address), pace)
        return
    try:
        yield from read_http_camera(address, pace, poll_hz or POLL_HZ)
    except OtherVideoError:
        yield from read_video_stream(open_http_video(address), pace)


def open_rtsp_camera(address: CameraAddress) -> InputContainer:
    """Open an RTSP camera over TCP, or else over UDP. Raises CameraAbsentError with the camera's reason."""
    address.connect(CONNECT_S).close()
    for transport in TRANSPORTS:
        if stream := open_with_ffmpeg(address, RTSP_READ_TIMEOUT_S, {"rtsp_transport": transport} | LOW_DELAY):
            return stream
        time.sleep(RELEASE_S)
    raise explain_rtsp(address)


def open_http_video(address: CameraAddress) -> InputContainer:
    """Open video other than MJPEG. Raises CameraAbsentError."""
    if address.is_private():
        for name in PROXIES:
            os.environ.pop(name, None)  # FFmpeg would ask the proxy; this process has no other connections
    if stream := open_with_ffmpeg(address, ANSWER_S, LOW_DELAY):
        return stream
    raise CameraAbsentError(CameraProblem.NO_VIDEO)


def open_with_ffmpeg(
    address: CameraAddress, read_timeout_s: float, options: Mapping[str, str]
) -> InputContainer | None:
    """Return the open camera, with the user's options in place of ours; None if FFmpeg can't open it."""
    given = dict(item.split(";", 1) for item in os.environ.get(OPTIONS, "").split("|") if ";" in item)
    return open_video_stream(
        address.url_with_login, given or dict(options), open_timeout_s=ANSWER_S, read_timeout_s=read_timeout_s
    )
