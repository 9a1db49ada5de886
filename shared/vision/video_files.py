"""Decodes video files by FFmpeg. OpenCV gives black or another film's pixels for interlaced video (decisions/0026)."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

Bgr = NDArray[np.uint8]  # height x width x 3
UPRIGHT = (1, 0, 0, 1)
TURNS = {0: UPRIGHT, 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}  # FFmpeg's angle -> matrix
ALONE = {"protocol_whitelist": "none"}  # a playlist could make FFmpeg open other files, or ask servers
UNREADABLE = "this is not a picture or video that can be read, or it is broken"


def open_video(file: BinaryIO) -> InputContainer:
    """Return an open file as a video. A file object, because FFmpeg takes some names for addresses or patterns.

    Raises ValueError in one sentence.
    """
    try:
        container = av.open(file, "r", options=ALONE, metadata_errors="replace")
    except (FFmpegError, OSError) as error:  # OSError: an empty file
        raise ValueError(UNREADABLE) from error
    if not container.streams.video:
        has_sound = bool(container.streams.audio)
        container.close()
        raise ValueError("there is sound in this file, but no picture" if has_sound else UNREADABLE)
    return container


def decode_frames(container: InputContainer) -> Iterator[VideoFrame]:
    """Yield the frames of a video as far as it decodes; broken packets are skipped. Raises ValueError if none does."""
    good = False
    for packet in demux_video(container):
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            good = True
            yield frame
    if not good:
        raise ValueError(UNREADABLE)


def demux_video(container: InputContainer) -> "Iterator[av.Packet[Any]]":
    """Yield the packets of a video up to its end, or up to where the file is broken."""
    packets = container.demux(video=0)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError):
            return
        yield packet


class BgrConverter:
    """Converts decoded frames; it holds FFmpeg's scaler: 0.3 ms a frame of 640 x 480, 4 ms with a new one each time."""

    def __init__(self, video: InputContainer) -> None:
        self._reformatter = VideoReformatter()
        self._pixel_width = float(video.streams.video[0].sample_aspect_ratio or 1)

    def convert(self, frame: VideoFrame) -> Bgr:
        """Return a frame as it is shown, H x W x 3: turned, as phones ask for, and with square pixels.

        Raises ValueError if FFmpeg can't convert it.
        """
        width = max(1, round(frame.width * self._pixel_width))
        try:
            pixels = self._reformatter.reformat(frame, width=width, format="bgr24").to_ndarray()
        except (FFmpegError, OSError, MemoryError) as error:
            raise ValueError(UNREADABLE) from error
        return turn_picture(np.asarray(pixels, np.uint8), read_matrix(frame))

    def changes(self, frame: VideoFrame) -> bool:
        """Return whether a frame is shown otherwise than it is stored."""
        return read_matrix(frame) != UPRIGHT or self._pixel_width != 1 or frame.interlaced_frame


def read_matrix(frame: VideoFrame) -> tuple[int, ...]:
    """Return FFmpeg's display matrix of a frame (a, b, c, d): x' = ax + cy, y' = bx + dy, in right angles."""
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know another kind of side data; it still knows the angle
        return TURNS[frame.rotation % 360]
    return tuple(np.sign(np.frombuffer(bytes(matrix), np.int32)[[0, 1, 3, 4]]).tolist()) if matrix else UPRIGHT


def turn_picture(pixels: Bgr, matrix: tuple[int, ...]) -> Bgr:
    """Return a picture turned and mirrored by a display matrix."""
    a, b, c, d = matrix
    if not a:
        pixels, a, d = np.swapaxes(pixels, 0, 1), c, b
    return np.ascontiguousarray(pixels[:: d or 1, :: a or 1])
