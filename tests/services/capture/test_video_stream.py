"""Video that FFmpeg reads from an address: interlaced right, MJPEG as it is, and an end when there is no more."""

import shutil
from pathlib import Path

import pytest
import simplejpeg

from services.capture.video_stream import open_video_stream, read_video_stream
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from tests.shared.vision.films import assert_is_sheet, film

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is missing: apt-get install ffmpeg")


def read(path: Path) -> list[bytes]:
    """Return the frames of a file as if it were an address."""
    stream = open_video_stream(str(path), {}, open_timeout_s=5, read_timeout_s=5)
    return [frame.jpeg for frame in read_video_stream(stream, Pace())]


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_interlaced_stream_is_never_black(tmp_path: Path, codec: str) -> None:
    options = ("-c:v", codec, "-pix_fmt", "yuv420p", "-flags", "+ilme+ildct", "-vf", "setfield=tff", "-f", "mpegts")
    jpegs = read(film(tmp_path / "a.ts", *options))
    assert len(jpegs) >= 10
    for jpeg in jpegs:
        assert_is_sheet(simplejpeg.decode_jpeg(jpeg, "BGR"))


def test_jpegs_pass_through(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mjpeg", "-c:v", "mjpeg")
    assert b"".join(read(path)) == path.read_bytes()


@pytest.mark.parametrize("options", [("-f", "lavfi", "-i", "sine=duration=0.1", "-map", "1:a"), None])
def test_what_has_no_video_is_not_opened(tmp_path: Path, options: tuple[str, ...] | None) -> None:
    path = tmp_path / "a.ts"
    if options:
        film(path, *options)
    else:
        path.write_bytes(b"no video")
    with pytest.raises(CameraAbsentError) as error:
        open_video_stream(str(path), {}, open_timeout_s=5, read_timeout_s=5)
    assert error.value.problem == (CameraProblem.NO_VIDEO if options else CameraProblem.UNREADABLE)
