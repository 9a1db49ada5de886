"""Videos for the pipeline to read."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 200 different frames: a 7 that moves across a sheet."""
    path = tmp_path / "clip.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 240))
    for frame in range(200):
        sheet = np.full((240, 320, 3), 230, np.uint8)
        cv2.putText(sheet, "7", (40 + frame, 150), cv2.FONT_HERSHEY_SIMPLEX, 3, (60, 30, 30), 7)
        video.write(sheet)
    video.release()
    return path
