"""Videos are decoded as they are shown: interlaced, turned, with long pixels, or in odd formats of their pixels."""

import shutil
import subprocess
from contextlib import chdir
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from shared.vision.image_files import load_video
from shared.vision.video_files import TURNS, open_video, turn_picture
from tests.shared.vision.films import SHEET, assert_is_sheet, film

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is missing: apt-get install ffmpeg")

INTERLACED = ("-flags", "+ilme+ildct", "-vf", "setfield=tff")
ODD = {  # name -> FFmpeg's options
    "mpeg2.mpg": ("-c:v", "mpeg2video", *INTERLACED),
    "h264.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p", *INTERLACED),
    "mpeg4.avi": ("-c:v", "mpeg4", *INTERLACED),
    "ffv1.mkv": ("-c:v", "ffv1", "-pix_fmt", "yuv420p", "-vf", "setfield=tff"),
    "prores.mov": ("-c:v", "prores_ks", *INTERLACED),
    "gray16.mkv": ("-c:v", "ffv1", "-pix_fmt", "gray16le"),
    "yuv410.avi": ("-c:v", "ffv1", "-pix_fmt", "yuv410p"),
    "rgb555.avi": ("-c:v", "rawvideo", "-pix_fmt", "rgb555le"),
    "monochrome.avi": ("-c:v", "rawvideo", "-pix_fmt", "monow"),
    "odd-size.mkv": ("-c:v", "ffv1", "-vf", "scale=127:95"),
    "a.ts": ("-f", "mpegts"),
    "a.wmv": ("-c:v", "wmv2"),
    "a.flv": ("-c:v", "flv1"),
    "a.3gp": ("-c:v", "h263", "-s", "128x96"),
    "long-pixels.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", "scale=64:96,setsar=2"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_video_is_read_right_in_every_frame(tmp_path: Path, name: str) -> None:
    frames = list(load_video(film(tmp_path / name, *ODD[name])))
    assert len(frames) >= 10  # some encoders merge or hold back one
    for frame in frames:
        assert_is_sheet(frame)


def test_script_can_not_open_another_file(tmp_path: Path) -> None:
    """As FFmpeg's concat does, and playlists; the pictures of a folder may come from anybody."""
    film(tmp_path / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    (tmp_path / "b.mp4").write_text("ffconcat version 1.0\nfile a.mp4\n")
    with chdir(tmp_path), pytest.raises(ValueError, match="not a picture or video"):
        next(load_video(Path("b.mp4")))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"1\n00:00:00,000 --> 00:00:01,000\nhello\n", "not a picture or video"),  # subtitles
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data\0\0\0\0", "there is sound"),
    ],
)
def test_file_without_pictures_says_what_it_is(data: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        open_video(BytesIO(data))


@pytest.mark.parametrize(("degrees", "turn"), [(90, "transpose=1"), (180, "hflip,vflip"), (270, "transpose=2")])
def test_video_of_a_phone_is_turned_as_it_says(tmp_path: Path, degrees: int, turn: str) -> None:
    stored = film(tmp_path / "stored.mp4", "-vf", turn, "-c:v", "libx264", "-pix_fmt", "yuv420p")
    path = tmp_path / "turned.mov"
    mark = ("-c", "copy", "-metadata:s:v:0", f"rotate={degrees}")
    subprocess.run(["ffmpeg", "-v", "error", "-i", stored, *mark, path], check=True, stdin=subprocess.DEVNULL)
    frame = next(load_video(path))
    if frame.shape != SHEET.shape:
        pytest.skip("this FFmpeg does not write the rotation of a video")
    assert_is_sheet(frame)


@pytest.mark.parametrize("angle", TURNS)
def test_matrix_of_an_angle_turns_counterclockwise(angle: int) -> None:
    assert np.array_equal(turn_picture(SHEET, TURNS[angle]), np.rot90(SHEET, angle // 90))


def test_matrix_may_mirror() -> None:
    assert np.array_equal(turn_picture(SHEET, (-1, 0, 0, 1)), SHEET[:, ::-1])
