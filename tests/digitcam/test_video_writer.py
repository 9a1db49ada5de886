"""A video shows each picture at the time it was taken, at whatever rate the camera has."""

import random
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from digitcam.video_writer import MAX_GAP_S, VideoWriter


def gray(level: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def write(path: Path, times: list[float]) -> VideoWriter:
    """Write a picture for each time; the next one is brighter."""
    video = VideoWriter(path)
    for i, at in enumerate(times):
        video.write(gray(20 + 3 * i % 230), at)
    video.close()
    return video


def read(path: Path) -> tuple[list[float], list[float], float]:
    """Return the time and the brightness of each picture of a file, and the length of the file in seconds."""
    with av.open(str(path)) as file:
        frames = [(frame.time, float(frame.to_ndarray(format="gray").mean())) for frame in file.decode(video=0)]
        assert file.duration is not None
        length_s = file.duration / av.time_base
    return [time for time, _ in frames if time is not None], [level for _, level in frames], length_s


@pytest.mark.parametrize("rate_hz", [0.5, 7.5, 29.97, 60.0])
def test_video_plays_at_the_rate_of_the_camera(tmp_path: Path, rate_hz: float) -> None:
    times = [1e6 + i / rate_hz for i in range(round(6 * rate_hz))]
    video = write(tmp_path / "film.mp4", times)
    shown, _, length_s = read(tmp_path / "film.mp4")
    assert shown == pytest.approx([at - 1e6 for at in times], abs=1e-4)
    assert length_s == pytest.approx(6, abs=0.02)
    assert video.length_s == pytest.approx(length_s, abs=0.01)


def test_minute_of_a_slow_camera_lasts_a_minute(tmp_path: Path) -> None:
    write(tmp_path / "film.mp4", [i / 7.5 for i in range(450)])
    assert read(tmp_path / "film.mp4")[2] == pytest.approx(60, abs=0.02)


def test_uneven_times_stay_as_they_are(tmp_path: Path) -> None:
    """A camera that pauses and bursts."""
    chance = random.Random(7)
    times = np.cumsum([chance.choice([0.002, 0.04, 0.4, 3.0]) for _ in range(60)]).tolist()
    write(tmp_path / "film.mp4", times)
    shown, levels, _ = read(tmp_path / "film.mp4")
    assert shown == pytest.approx([at - times[0] for at in times], abs=1e-4)
    assert all(after > before for before, after in pairwise(levels))


def test_picture_that_is_not_later_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "film.mp4", [5.0, 5.5, 5.2, 5.5, 6.0])
    assert read(tmp_path / "film.mp4")[0] == pytest.approx([0.0, 0.5, 1.0])


def test_long_gap_is_cut(tmp_path: Path) -> None:
    video = write(tmp_path / "film.mp4", [0.0, 0.5, 3600.0, 3600.5, 3600.5 + MAX_GAP_S])
    assert read(tmp_path / "film.mp4")[0] == pytest.approx([0.0, 0.5, 1.0, 1.5, 1.5 + MAX_GAP_S])
    assert video.length_s == pytest.approx(1.5 + 2 * MAX_GAP_S)


def test_pictures_of_another_or_an_odd_size_are_fitted(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "film.mp4")
    video.write(gray(100, 65, 49), 0.0)
    video.write(gray(200, 128, 96), 0.5)
    video.close()
    assert read(tmp_path / "film.mp4")[1] == pytest.approx([100, 200], abs=8)


def test_file_is_h264_which_browsers_play_and_the_only_one_left(tmp_path: Path) -> None:
    write(tmp_path / "film.mp4", [0.0])
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    content = (tmp_path / "film.mp4").read_bytes()
    assert b"avc1" in content
    assert content.index(b"moov") < content.index(b"mdat")  # a browser plays it before it has all of it


def test_video_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "film.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="can't be written"):
        VideoWriter(tmp_path / "no folder" / "film.mp4").write(gray(0), 0.0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux")
def test_full_disk_is_an_error_and_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "film.part.mp4").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"film\.mp4 can't be written \(No space left"):
        write(tmp_path / "film.mp4", [0.0, 0.1])
    assert list(tmp_path.iterdir()) == []
