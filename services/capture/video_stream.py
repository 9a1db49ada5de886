"""Reads RTSP, and video other than MJPEG over HTTP, by FFmpeg through PyAV; why not OpenCV: decisions/0026."""

import time

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.error import (
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPNotFoundError,
    HTTPServerError,
    HTTPUnauthorizedError,
)

from services.capture.frames import JPEG_START, FrameStream, encode_jpeg
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.vision.jpeg import TooLargeError
from shared.vision.video_files import BgrConverter

AT_ONCE_S = 0.01  # less than the time between two video packets
MAX_FAILURES = 10  # reads that fail at once, in a row: only a stream that has ended does that
PROBLEMS: dict[type[Exception], CameraProblem] = {
    HTTPForbiddenError: CameraProblem.FORBIDDEN,
    HTTPNotFoundError: CameraProblem.NOT_FOUND,
    HTTPServerError: CameraProblem.BUSY,
    HTTPUnauthorizedError: CameraProblem.WRONG_LOGIN,
    ExitError: CameraProblem.NO_ANSWER,  # of the timeout
}


def open_video_stream(
    url: str, options: dict[str, str], *, open_timeout_s: float, read_timeout_s: float
) -> InputContainer:
    """Return the open stream. Raises CameraAbsentError with the reason."""
    try:
        container = av.open(
            url, "r", options=options, timeout=(open_timeout_s, read_timeout_s), metadata_errors="replace"
        )
    except (FFmpegError, OSError) as error:
        raise CameraAbsentError(PROBLEMS.get(type(error), CameraProblem.UNREADABLE), "5xx") from error
    if not container.streams.video:
        container.close()
        raise CameraAbsentError(CameraProblem.NO_VIDEO)
    decoder = container.streams.video[0].codec_context
    decoder.thread_count = 1  # a decoder with several threads delays each frame by one or two
    decoder.flags |= Flags.low_delay
    return container


def read_video_stream(container: InputContainer, pace: Pace) -> FrameStream:
    """Yield the frames of an open stream until it ends, then close it. Raises CameraAbsentError if it falls silent.

    Raises TooLargeError if a frame is too large.

    A read that timed out is repeated as long as the camera's pace allows; broken packets are skipped. MJPEG passes
    through undecoded.
    """
    stream, converter = container.streams.video[0], BgrConverter(container)
    pace.set_stated_rate(float(stream.average_rate or 0))
    is_mjpeg = stream.codec_context.name == "mjpeg"
    last_frame_at, failures = time.monotonic(), 0
    packets = container.demux(stream)
    try:
        while failures < MAX_FAILURES:
            called_at = time.monotonic()
            try:
                packet = next(packets)
                now = time.monotonic()  # before the work of decoding and encoding
                if is_mjpeg and (jpeg := bytes(packet)).startswith(JPEG_START):
                    jpegs = [jpeg]
                else:
                    jpegs = [encode_jpeg(converter.convert(frame)) for frame in packet.decode()]
            except TooLargeError:
                raise
            except (StopIteration, FFmpegError, ValueError):
                now, jpegs = time.monotonic(), []
                packets = container.demux(stream)
            failures = failures + 1 if not jpegs and now - called_at < AT_ONCE_S else 0
            for jpeg in jpegs:
                last_frame_at = now
                yield CapturedFrame(jpeg, now)
            if now - last_frame_at > pace.reopen_after_s:
                raise CameraAbsentError(CameraProblem.NO_FRAMES, f"{now - last_frame_at:.0f}")
    finally:
        container.close()
