"""A film in a file: pictures with the times at which they were taken, at an even rate."""

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 15
# MPEG-4 takes 2 ms a picture of 640 x 480, VP9 400. OpenCV's packages have no H.264, the one that browsers play too:
# where the program ffmpeg is there, it turns the film that is complete into that.
CODEC = "mp4v"
TO_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
LONGEST_GAP_S = 10.0  # a camera that was gone for longer is not shown as standing still

Picture = NDArray[np.uint8]  # H x W x 3, BGR


class VideoWriter:
    """An MP4 that is being written. It appears under its name when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft, self._better = (path.with_suffix(f".{part}.part{path.suffix}") for part in ("1", "2"))
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._began_at = 0.0
        self._ticks = 0  # pictures written

    @property
    def length_s(self) -> float:
        """How long it is by now."""
        return self._ticks / RATE_HZ

    def add(self, picture: Picture, at: float) -> None:
        """Show a picture from a time on, in seconds. Raises OSError where the file can't be written."""
        writer = self._writer or self._open(picture, at)
        due = round((at - self._began_at) * RATE_HZ) + 1 - self._ticks
        if due > LONGEST_GAP_S * RATE_HZ:
            self._began_at, due = at - self.length_s, 1
        if due > 0:
            fitted = np.asarray(cv2.resize(picture, self._size) if picture.shape[1::-1] != self._size else picture)
            for _ in range(due):
                writer.write(fitted)
            self._ticks += due

    def _open(self, picture: Picture, at: float) -> cv2.VideoWriter:
        self._size, self._began_at = (picture.shape[1] & ~1, picture.shape[0] & ~1), at  # colours are at half the size
        writer = cv2.VideoWriter(str(self._draft), cv2.VideoWriter.fourcc(*CODEC), RATE_HZ, self._size)
        if not writer.isOpened():
            raise OSError(f"{self._path} can't be written")
        self._writer = writer
        return writer

    def close(self) -> None:
        """Complete the file, if there is anything in it."""
        if self._writer:
            self._writer.release()
            self._convert()
            (self._better if self._better.exists() else self._draft).replace(self._path)
            self._draft.unlink(missing_ok=True)

    def _convert(self) -> None:
        if ffmpeg := shutil.which("ffmpeg"):
            command = [ffmpeg, "-v", "error", "-y", "-i", str(self._draft), *TO_H264, str(self._better)]
            if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
                self._better.unlink(missing_ok=True)
