"""Videos and pictures as cameras: paced and looped when live, complete under EVERY_FRAME, sound when broken."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from services.capture.files import (
    PICTURE_RATE_HZ,
    PICTURE_S,
    find_rate,
    play_video,
    read_pictures_once,
    read_video_once,
    show_pictures,
)
from services.capture.sources import open_source
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.shot import AbsentError, Shot, Tick, encode, pace

FRAMES = 12


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 12 pictures at 20 a second; each is as bright as its number says."""
    path = tmp_path / "clip.mkv"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
    for number in range(FRAMES):
        video.write(np.full((48, 64, 3), 20 * number, np.uint8))
    video.release()
    return path


def ticks(*numbers: int) -> Iterator[Tick]:
    return (Tick(number, 0.0) for number in numbers)


def endless(rate_hz: float) -> Iterator[Tick]:
    return (Tick(number, 0.0) for number in count())


def long_ago(rate_hz: float) -> Iterator[Tick]:
    return (Tick(number, 1.0 + number / 20) for number in count())


def decode(shot: Shot) -> NDArray[np.uint8]:
    return np.asarray(simplejpeg.decode_jpeg(shot.jpeg, "BGR"), np.uint8)


def number_of(shot: Shot) -> int:
    return round(float(decode(shot).mean()) / 20)


def test_every_frame_reads_a_video_once_and_completely(clip: Path) -> None:
    assert [number_of(shot) for shot in read_video_once(clip)] == list(range(FRAMES))


def test_a_live_video_begins_again_at_its_end(clip: Path) -> None:
    shots = islice(play_video(clip, ticks=endless), FRAMES + 3)
    assert [number_of(shot) for shot in shots] == [*range(FRAMES), 0, 1, 2]


def test_a_live_video_that_falls_behind_leaves_pictures_out_and_keeps_its_rate(clip: Path) -> None:
    shots = play_video(clip, ticks=lambda rate: ticks(0, 1, 4, 5, 5 * FRAMES + 2))
    assert [number_of(shot) for shot in shots] == [0, 1, 4, 5, 2]


def test_what_is_paced_was_taken_when_it_was_due_however_late_it_comes(clip: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((48, 64), np.uint8))
    for shots in (play_video(clip, ticks=long_ago), show_pictures(tmp_path / "photo.png", ticks=long_ago)):
        assert [shot.taken_at for shot in islice(shots, 3)] == [1.0, 1.05, 1.1]


@pytest.mark.parametrize("suffix", [".mjpeg", ".avi", ".mkv"])
def test_the_jpegs_of_an_mjpeg_video_pass_as_they_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    jpegs = [encode(np.full((48, 64, 3), 20 * number, np.uint8)) for number in range(FRAMES)]
    if suffix == ".mjpeg":
        path.write_bytes(b"".join(jpegs))
    else:
        raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
        video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48), raw)
        for jpeg in jpegs:
            video.write(np.frombuffer(jpeg, np.uint8))
        video.release()
    assert [shot.jpeg for shot in read_video_once(path)] == jpegs
    assert [shot.jpeg for shot in islice(play_video(path, ticks=endless), FRAMES + 2)] == jpegs + jpegs[:2]


def test_a_video_is_played_at_its_own_rate(clip: Path) -> None:
    assert find_rate(clip) == 20


def test_a_truncated_video_plays_what_is_there(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    numbers = [number_of(shot) for shot in read_video_once(clip)]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < FRAMES


@pytest.mark.parametrize("every_frame", [True, False])
@pytest.mark.parametrize("data", [b"", b"not a video"])
def test_what_is_no_video_is_an_absent_camera(tmp_path: Path, data: bytes, every_frame: bool) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(data)
    with pytest.raises(AbsentError, match="not a video"):
        next(open_source(Camera("broken", SourceKind.VIDEO, str(path)), every_frame))


def test_pictures_come_in_the_order_of_their_names_and_a_broken_one_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, number in (("b.png", 2), ("a.jpg", 1), ("c.bmp", 3)):
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), 20 * number, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    (tmp_path / "notes.txt").write_text("not looked at")
    assert [number_of(shot) for shot in read_pictures_once(tmp_path)] == [1, 2, 3]
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("broken.jpg is left out: ")
    caplog.clear()
    held = round(PICTURE_S * PICTURE_RATE_HZ)
    shots = islice(show_pictures(tmp_path, ticks=endless), 7 * held)
    assert [number_of(shot) for shot in list(shots)[::held]] == [1, 2, 3, 1, 2, 3, 1]
    assert len(caplog.messages) == 1


def test_a_folder_without_a_sound_picture_is_an_absent_camera(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(AbsentError, match="no picture that can be read"):
        next(show_pictures(tmp_path))


ODD_PICTURES: dict[str, tuple[NDArray[np.generic], float]] = {
    "1x1": (np.full((1, 1, 3), 200, np.uint8), 200),
    "one row": (np.full((1, 9, 3), 200, np.uint8), 200),
    "grey": (np.full((8, 8), 90, np.uint8), 90),
    "16 bits": (np.full((8, 8, 3), 40_000, np.uint16), 40_000 / 257),
    "16 bits, grey": (np.full((8, 8), 40_000, np.uint16), 40_000 / 257),
    "transparent": (np.zeros((8, 8, 4), np.uint8), 255),
    "half transparent black": (np.dstack((np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 128, np.uint8))), 127),
    "16 bits, transparent": (np.zeros((8, 8, 4), np.uint16), 255),
}


@pytest.mark.parametrize("name", ODD_PICTURES)
def test_an_odd_png_is_a_sound_picture_and_transparent_is_white(tmp_path: Path, name: str) -> None:
    picture, brightness = ODD_PICTURES[name]
    path = tmp_path / "odd.png"
    cv2.imwrite(str(path), cast("NDArray[np.uint8]", picture))
    (shot,) = read_pictures_once(path)
    assert decode(shot).shape == (*picture.shape[:2], 3)
    assert decode(shot).mean() == pytest.approx(brightness, abs=2)


def test_jpeg_that_no_message_can_carry_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        encode(np.zeros((1, 70_000, 3), np.uint8))


@pytest.mark.parametrize(
    ("work_s", "ticks"),
    [(0.0, [0, 1, 2, 3, 4, 5]), (0.04, [0, 1, 2, 3, 4, 5]), (0.06, [0, 1, 2, 3, 4, 6]), (0.23, [0, 4, 9, 13, 18])],
)
def test_pace_keeps_a_schedule_and_leaves_out_what_it_cannot_keep(work_s: float, ticks: list[int]) -> None:
    clock = [100.0]

    def pass_time(seconds: float) -> None:
        clock[0] += seconds

    seen = []
    for tick in islice(pace(20, lambda: clock[0], pass_time), len(ticks)):
        assert tick.due_at == pytest.approx(100 + tick.number / 20)
        assert 0 <= clock[0] - tick.due_at < 0.05
        seen.append(tick.number)
        pass_time(work_s)
    assert seen == ticks
