"""Writes pictures with times as an MP4 that shows each from its own time on: the video has the camera's rate."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

CODECS = ("libx264", "mpeg4")  # browsers play H.264; some builds of FFmpeg lack its encoder
TICK = Fraction(1, 90_000)  # of a second, as in MPEG: 29.97 frames a second come out even
NOMINAL_HZ = 30  # x264 takes the level of the stream from it; the times are the frames' own
# 6 ms a picture of 640 x 480 on one core, a quarter of superfast's bytes; without B-frames pictures keep their order
X264 = {"preset": "veryfast", "crf": "23", "bf": "0"}
LAST_S = 1 / 15  # how long a video's only picture is shown
MAX_GAP_S = 10.0  # a longer gap between two pictures is cut

Picture = NDArray[np.uint8]  # H x W x 3, BGR


class VideoWriter:
    """An MP4 in progress. The file appears under its name when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_suffix(f".part{path.suffix}")
        self._file: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._began_at = 0.0
        self._last_at = -1.0  # of the last picture, in seconds of the video
        self._interval_s = LAST_S  # between the last two pictures

    @property
    def length_s(self) -> float:
        """The length of the video so far: the last picture is shown as long as the one before it."""
        return self._last_at + self._interval_s if self._stream else 0.0

    def write(self, picture: Picture, captured_at: float) -> None:
        """Show a picture from its time on, in seconds; one that is no later than the last is left out.

        Raises OSError if the file can't be written.
        """
        stream = self._stream or self._open(picture, captured_at)
        at = captured_at - self._began_at
        if at - self._last_at > MAX_GAP_S:
            self._began_at, at = captured_at - self.length_s, self.length_s
        if at - self._last_at < TICK:
            return
        if self._last_at >= 0:
            self._interval_s = at - self._last_at
        self._last_at = at
        size = (stream.width, stream.height)
        fitted = cv2.resize(picture, size) if picture.shape[1::-1] != size else picture
        frame = av.VideoFrame.from_ndarray(np.asarray(fitted, np.uint8), "bgr24")
        frame.pts, frame.time_base = round(at / TICK), TICK
        self._encode(frame)

    def _open(self, picture: Picture, captured_at: float) -> VideoStream:
        codec = next(name for name in CODECS if name in av.codecs_available)
        options = X264 if codec == CODECS[0] else {}
        file = av.open(str(self._draft), "w", format="mp4", options={"movflags": "faststart"})
        stream = cast(VideoStream, file.add_stream(codec, rate=NOMINAL_HZ, options=options))
        stream.width, stream.height = picture.shape[1] & ~1, picture.shape[0] & ~1  # colours have half the resolution
        stream.pix_fmt, stream.time_base, stream.codec_context.time_base = "yuv420p", TICK, TICK
        stream.codec_context.thread_count = 1  # the other cores are the pipeline's
        try:
            file.start_encoding()
        except OSError as error:
            raise self._give_up(error) from error
        self._file, self._stream, self._began_at = file, stream, captured_at
        return stream

    def _encode(self, frame: av.VideoFrame | None) -> None:
        """Write a picture, or what is left at the end."""
        if not self._file or not self._stream:
            return
        for packet in self._stream.encode(frame):
            packet.duration = round(self._interval_s / TICK)  # counts for the last one; the next ends all others
            self._file.mux(packet)

    def close(self) -> None:
        """Complete the file. Without a picture no file is written. Raises OSError if the disk is full."""
        if not self._file:
            return
        try:
            self._encode(None)
            self._file.close()
            self._draft.replace(self._path)
        except OSError as error:
            raise self._give_up(error) from error

    def _give_up(self, error: OSError) -> OSError:
        """Delete the draft, and return an error that names the file."""
        self._draft.unlink(missing_ok=True)
        return OSError(f"{self._path} can't be written ({error.strerror})")
