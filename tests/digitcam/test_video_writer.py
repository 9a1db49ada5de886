"""A video shows each picture at the time it was taken."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitcam.video_writer import RATE_HZ, VideoWriter


def gray(level: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def frames(path: Path) -> list[float]:
    """Return the brightness of each frame of a video."""
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == RATE_HZ
    levels = []
    while (read := video.read())[0]:
        levels.append(float(np.mean(read[1])))
    video.release()
    return levels


def test_pictures_are_shown_when_they_were_taken(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "film.mp4")
    for at, level in [(100.0, 40), (100.01, 200), (101.0, 220)]:  # the second comes too soon for a frame of its own
        video.write(gray(level), at)
    video.close()
    levels = frames(tmp_path / "film.mp4")
    assert len(levels) == RATE_HZ + 1
    assert levels[0] == pytest.approx(40, abs=8)
    assert levels[-1] == pytest.approx(220, abs=8)


def test_long_gap_is_cut(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "film.mp4")
    for at in (0.0, 0.5, 3600.0, 3600.5):
        video.write(gray(100), at)
    assert video.length_s == pytest.approx(1.0, abs=0.2)
    video.close()


def test_pictures_of_another_or_an_odd_size_are_fitted(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "film.mp4")
    video.write(gray(100, 65, 49), 0.0)
    video.write(gray(200, 128, 96), 0.5)
    video.close()
    assert len(frames(tmp_path / "film.mp4")) > 5


@pytest.mark.parametrize("has_ffmpeg", [True, False])
def test_closed_video_leaves_one_file_with_ffmpeg_or_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_ffmpeg: bool
) -> None:
    if not has_ffmpeg:
        monkeypatch.setenv("PATH", str(tmp_path))
    elif not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    video = VideoWriter(tmp_path / "film.mp4")
    video.write(gray(100), 0.0)
    video.close()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert (b"avc1" in (tmp_path / "film.mp4").read_bytes()) == has_ffmpeg


def test_video_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "film.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="can't be written"):
        VideoWriter(tmp_path / "no folder" / "film.mp4").write(gray(0), 0.0)
