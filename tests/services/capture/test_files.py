"""Videos and images as cameras: paced and looped when live, complete under EVERY_FRAME, robust to broken files."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from services.capture.files import (
    IMAGE_RATE_HZ,
    IMAGE_S,
    inspect_video,
    play_video,
    read_images_once,
    read_video_once,
    show_images,
)
from services.capture.frames import JPEG_END, PAUSE_S, Tick, TickSchedule, encode_jpeg
from services.capture.sources import open_source
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.options import CameraOptions
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError
from shared.cameras.publisher import CapturedFrame

FRAMES = 12


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mkv", codec="MJPG")


def write_clip(path: Path, codec: str) -> Path:
    """Write a video of 12 frames at 20 per second; the brightness of each is 20 times its number."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 20, (64, 48))
    for number in range(FRAMES):
        video.write(np.full((48, 64, 3), 20 * number, np.uint8))
    video.release()
    return path


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def ticks(*numbers: int) -> Iterator[Tick]:
    return (Tick(number, 0.0) for number in numbers)


def endless(rate_hz: float) -> Iterator[Tick]:
    return (Tick(number, 0.0) for number in count())


def start_at_one(rate_hz: float) -> Iterator[Tick]:
    return (Tick(number, 1.0 + number / 20) for number in count())


def decode(frame: CapturedFrame) -> NDArray[np.uint8]:
    return np.asarray(simplejpeg.decode_jpeg(frame.jpeg, "BGR"), np.uint8)


def number_of(frame: CapturedFrame) -> int:
    return round(float(decode(frame).mean()) / 20)


def test_every_frame_reads_a_video_once_and_completely(clip: Path) -> None:
    assert [number_of(frame) for frame in read_video_once(clip)] == list(range(FRAMES))


def test_live_video_loops(clip: Path) -> None:
    frames = islice(play_video(clip, schedule=endless), FRAMES + 3)
    assert [number_of(frame) for frame in frames] == [*range(FRAMES), 0, 1, 2]


def test_live_video_that_falls_behind_skips_frames_and_keeps_its_rate(clip: Path) -> None:
    frames = play_video(clip, schedule=lambda rate: ticks(0, 1, 4, 5, 5 * FRAMES + 2))
    assert [number_of(frame) for frame in frames] == [0, 1, 4, 5, 2]


def test_scheduled_frame_counts_as_captured_when_it_was_due(clip: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((48, 64), np.uint8))
    for frames in (play_video(clip, schedule=start_at_one), show_images(tmp_path / "photo.png", schedule=start_at_one)):
        assert [frame.captured_at for frame in islice(frames, 3)] == [1.0, 1.05, 1.1]


@pytest.mark.parametrize("suffix", [".mjpeg", ".avi", ".mkv"])
def test_jpegs_of_an_mjpeg_video_pass_through(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    jpegs = [encode_jpeg(np.full((48, 64, 3), 20 * number, np.uint8)) for number in range(FRAMES)]
    if suffix == ".mjpeg":
        path.write_bytes(b"".join(jpegs))
    else:
        raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
        video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48), raw)
        for jpeg in jpegs:
            video.write(np.frombuffer(jpeg, np.uint8))
        video.release()
    assert [frame.jpeg for frame in read_video_once(path)] == jpegs
    assert [frame.jpeg for frame in islice(play_video(path, schedule=endless), FRAMES + 2)] == jpegs + jpegs[:2]


def test_video_plays_at_its_own_rate(clip: Path) -> None:
    assert inspect_video(clip).rate_hz == 20


def test_truncated_video_plays_the_part_that_is_left(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    numbers = [number_of(frame) for frame in read_video_once(clip)]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < FRAMES


@pytest.mark.parametrize("every_frame", [True, False])
@pytest.mark.parametrize("data", [b"", b"not a video"])
def test_file_that_is_not_a_video_is_an_absent_camera(tmp_path: Path, data: bytes, every_frame: bool) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(data)
    with pytest.raises(CameraAbsentError, match=r"^this is not a picture or video that can be read"):
        next(open_source(Camera("broken", SourceKind.VIDEO, str(path)), every_frame, Pace()))


def test_images_come_in_name_order_and_a_broken_one_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, number in (("b.png", 2), ("a.jpg", 1), ("c.bmp", 3)):
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), 20 * number, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    (tmp_path / "notes.txt").write_text("not an image")
    once = list(read_images_once(tmp_path))
    assert [number_of(frame) if frame.jpeg else None for frame in once] == [1, 2, None, 3]
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("broken.jpg can't be read: ")
    caplog.clear()
    held = round(IMAGE_S * IMAGE_RATE_HZ)
    frames = islice(show_images(tmp_path, schedule=endless), 7 * held)
    assert [number_of(frame) for frame in list(frames)[::held]] == [1, 2, 3, 1, 2, 3, 1]
    assert len(caplog.messages) == 1


def test_what_a_folder_holds_and_a_camera_does_not_show_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pages = [Image.new("L", (64, 48), 20 * number) for number in (1, 2)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "single.tif")
    (tmp_path / "clip.mp4").touch()
    expected = [
        "videos of the folder are left out, make each a camera of its own: clip.mp4",
        "scan.tif has more than one picture: only its first is read",
    ]
    assert [number_of(frame) for frame in read_images_once(tmp_path)] == [1, 1]
    assert caplog.messages == expected
    caplog.clear()
    list(islice(show_images(tmp_path, schedule=endless), 5 * round(IMAGE_S * IMAGE_RATE_HZ)))
    assert caplog.messages == expected


def test_folder_without_a_readable_image_is_an_absent_camera(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(CameraAbsentError, match="no readable image"):
        next(show_images(tmp_path))


UNUSUAL_IMAGES: dict[str, tuple[NDArray[np.generic], float]] = {
    "1x1": (np.full((1, 1, 3), 200, np.uint8), 200),
    "one row": (np.full((1, 9, 3), 200, np.uint8), 200),
    "gray": (np.full((8, 8), 90, np.uint8), 90),
    "16 bits": (np.full((8, 8, 3), 40_000, np.uint16), 40_000 / 257),
    "16 bits, gray": (np.full((8, 8), 40_000, np.uint16), 40_000 / 257),
    "transparent": (np.zeros((8, 8, 4), np.uint8), 255),
    "half transparent black": (np.dstack((np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 128, np.uint8))), 127),
    "16 bits, transparent": (np.zeros((8, 8, 4), np.uint16), 255),
}


@pytest.mark.parametrize("name", UNUSUAL_IMAGES)
def test_unusual_png_is_readable_and_transparency_becomes_white(tmp_path: Path, name: str) -> None:
    image, brightness = UNUSUAL_IMAGES[name]
    path = tmp_path / "odd.png"
    cv2.imwrite(str(path), cast("NDArray[np.uint8]", image))
    (frame,) = read_images_once(path)
    assert decode(frame).shape == (*image.shape[:2], 3)
    assert decode(frame).mean() == pytest.approx(brightness, abs=2)


def test_jpeg_that_is_too_large_for_a_message_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        encode_jpeg(np.zeros((1, 70_000, 3), np.uint8))


@pytest.mark.parametrize("rotate", [0, 90])
def test_film_whose_frames_are_too_large_for_a_message_ends_in_a_sentence_or_frame_by_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rotate: int
) -> None:
    """It ends no process: one that reads each picture once would begin with this one again, for ever."""
    clip = write_clip(tmp_path / "clip.mkv", codec="FFV1")
    monkeypatch.setattr("services.capture.frames.MAX_PAYLOAD_BYTES", 100)
    camera = Camera("film", SourceKind.VIDEO, str(clip), CameraOptions(rotate=rotate))
    with pytest.raises(CameraAbsentError, match=r"a frame of the file can't be read: .* pixels in"):
        next(open_source(camera, False, Pace()))
    frames = [frame.jpeg for frame in open_source(camera, True, Pace())]
    assert frames == [JPEG_END] * FRAMES


@pytest.mark.parametrize(
    ("work_s", "ticks"),
    [(0.0, [0, 1, 2, 3, 4, 5]), (0.04, [0, 1, 2, 3, 4, 5]), (0.06, [0, 1, 2, 3, 4, 6]), (0.23, [0, 4, 9, 13, 18])],
)
def test_schedule_does_not_drift_and_skips_missed_ticks(work_s: float, ticks: list[int]) -> None:
    clock = Clock()
    seen = []
    for tick in islice(TickSchedule(clock, clock.sleep)(20), len(ticks)):
        assert tick.due_at == pytest.approx(100 + tick.number / 20)
        assert 0 <= clock.at - tick.due_at < 0.05
        seen.append(tick.number)
        clock.sleep(work_s)
    assert seen == ticks


def test_schedule_tells_what_is_due_next_and_what_nobody_asked_for() -> None:
    clock = Clock()
    schedule = TickSchedule(clock, clock.sleep)
    ticks = schedule(20)
    assert next(ticks) == Tick(0, 100)
    assert schedule.due_at == pytest.approx(100.05)
    assert schedule.skipped == 0
    clock.sleep(0.26)
    assert next(ticks).number == 5
    assert schedule.due_at == pytest.approx(100.3)
    assert schedule.skipped == 4


def test_film_that_nobody_asked_for_long_goes_on_where_it_was() -> None:
    clock = Clock()
    schedule = TickSchedule(clock, clock.sleep)
    ticks = schedule(20)
    next(ticks)
    clock.sleep(0.05 + PAUSE_S + 0.01)
    for number in (1, 2):
        tick = next(ticks)
        assert tick.number == number
        assert tick.due_at == pytest.approx(clock.at)
    assert schedule.skipped == 0


def test_every_frame_is_read_in_spite_of_a_limit_on_the_rate(tmp_path: Path) -> None:
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((48, 64), np.uint8))
    camera = Camera("photos", SourceKind.IMAGES, str(tmp_path), CameraOptions(fps=1.0, rotate=90))
    frames = list(open_source(camera, True, Pace()))
    assert [simplejpeg.decode_jpeg_header(frame.jpeg)[:2] for frame in frames] == [(64, 48)] * 5
