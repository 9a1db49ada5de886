"""Videos of one sheet in any format, written by FFmpeg."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from shared.vision.image_files import Photo

SHEET = np.full((96, 128, 3), 235, np.uint8)
SHEET[:48, :64] = 20  # the left upper quarter is dark


def film(path: Path, *options: str) -> Path:
    """Write a video of twelve frames that show the sheet."""
    raw = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", "128x96", "-r", "25", "-i", "-")
    subprocess.run(["ffmpeg", "-v", "error", *raw, *options, path], check=True, input=SHEET.tobytes() * 12)
    return path


def assert_is_sheet(picture: Photo) -> None:
    assert picture[24, 32].mean() == pytest.approx(12, abs=20)
    for y, x in ((24, 96), (72, 32), (72, 96)):
        assert picture[y, x].mean() == pytest.approx(240, abs=16)
