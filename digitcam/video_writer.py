"""Writes pictures with times as an MP4 at a constant frame rate."""

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 15
# MPEG-4 takes 2 ms a picture of 640 x 480, VP9 400 ms. OpenCV's packages lack H.264, which browsers can play, so
# ffmpeg converts the finished video if it is installed.
CODEC = "mp4v"
TO_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
MAX_GAP_S = 10.0  # a longer gap between two pictures is cut

Picture = NDArray[np.uint8]  # H x W x 3, BGR


class VideoWriter:
    """An MP4 in progress. The file appears under its name when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft, self._converted = (path.with_suffix(f".{part}.part{path.suffix}") for part in ("1", "2"))
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)  # width, height
        self._began_at = 0.0
        self._frames = 0  # written so far

    @property
    def length_s(self) -> float:
        """The length of the video so far."""
        return self._frames / RATE_HZ

    def write(self, picture: Picture, captured_at: float) -> None:
        """Show a picture from its time on, in seconds. Raises OSError if the file can't be written."""
        writer = self._writer or self._open(picture, captured_at)
        missing = round((captured_at - self._began_at) * RATE_HZ) + 1 - self._frames
        if missing > MAX_GAP_S * RATE_HZ:
            self._began_at, missing = captured_at - self.length_s, 1
        if missing > 0:
            fitted = np.asarray(cv2.resize(picture, self._size) if picture.shape[1::-1] != self._size else picture)
            for _ in range(missing):
                writer.write(fitted)
            self._frames += missing

    def _open(self, picture: Picture, captured_at: float) -> cv2.VideoWriter:
        self._size = (picture.shape[1] & ~1, picture.shape[0] & ~1)  # even: colours have half the resolution
        self._began_at = captured_at
        writer = cv2.VideoWriter(str(self._draft), cv2.VideoWriter.fourcc(*CODEC), RATE_HZ, self._size)
        if not writer.isOpened():
            raise OSError(f"{self._path} can't be written")
        self._writer = writer
        return writer

    def close(self) -> None:
        """Complete the file. Without a picture no file is written."""
        if not self._writer:
            return
        self._writer.release()
        if ffmpeg := shutil.which("ffmpeg"):
            command = [ffmpeg, "-v", "error", "-y", "-i", str(self._draft), *TO_H264, str(self._converted)]
            if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
                self._converted.unlink(missing_ok=True)
        (self._converted if self._converted.exists() else self._draft).replace(self._path)
        self._draft.unlink(missing_ok=True)
