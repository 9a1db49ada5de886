"""Cameras that were added on the page: what may come that way, and how they stand beside CAMERAS."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.capture.network import LOW_DELAY, open_stream
from shared.cameras.added import FILE, read_added, stamp, to_camera, with_added, write_added
from shared.cameras.camera_list import SourceKind, parse_cameras
from shared.cameras.shot import AbsentError
from shared.settings import ConfigError

HALL = to_camera("hall", "rtsp://me:s3cret@10.0.0.7/live")


@pytest.mark.parametrize("source", ["demo", "rtsp://10.0.0.7/live", "https://me:pw@[fe80::1]:81/cam.mjpg?token=1,2"])
def test_what_has_an_address_may_be_added(source: str) -> None:
    camera = to_camera("hall", source)
    assert (camera.name, camera.source, camera.kind) == (
        "hall",
        source,
        SourceKind.DEMO if source == "demo" else SourceKind.STREAM,
    )


@pytest.mark.parametrize(
    "source",
    [
        *("/etc/passwd", "clip.mp4", ".", "0", "/dev/video0", "auto", "", "file:///clip.mp4", "demo,0", "concat:a|b"),
        *("http://", "http:///clip.mp4", "rtsp://[::1/", "rtsp://host/a\nforged: line", "http://h/\x00"),
        "http://h/" + "a" * 2000,
    ],
)
def test_nothing_of_this_machine_may_be_added(source: str) -> None:
    with pytest.raises(ConfigError, match="source is rtsp://"):
        to_camera("hall", source)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a.", "a b", "a" * 33, "ä", "a\n"])
def test_name_that_could_be_a_path_or_forge_a_log_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="1 to 32 letters"):
        to_camera(name, "demo")


def test_what_is_written_is_read_again_and_by_no_other_user(tmp_path: Path) -> None:
    assert read_added(tmp_path) == {}
    write_added(tmp_path, {"hall": HALL})
    assert read_added(tmp_path) == {"hall": HALL}
    assert (tmp_path / FILE).stat().st_mode & 0o77 == 0
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_each_writing_can_be_told_from_the_one_before(tmp_path: Path) -> None:
    stamps = [stamp(tmp_path)]
    for _ in range(3):
        write_added(tmp_path, {"hall": HALL})
        stamps.append(stamp(tmp_path))
    assert all(before != after for before, after in pairwise(stamps))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"hall": 1}', '{"hall": "/etc/passwd"}', '{"../x": "demo"}'])
def test_file_that_was_spoilt_is_one_sentence_that_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError, match=r"cameras\.json can't be used .*: put it right, or delete it"):
        read_added(tmp_path)


def test_name_that_cameras_has_is_that_of_cameras(tmp_path: Path) -> None:
    write_added(tmp_path, {"demo": to_camera("demo", "http://10.0.0.7/"), "hall": HALL})
    cameras = with_added(parse_cameras(["demo"]), tmp_path)
    assert [(camera.name, camera.kind) for camera in cameras] == [
        ("demo", SourceKind.DEMO),
        ("hall", SourceKind.STREAM),
    ]


class Silent(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it; /redirect leads to a file of this machine."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass

    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", f"file://{self.directory}/film.ts")
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server whose playlists name files of this machine."""
    # set for a camera's own process; left behind in this one, every video that is opened later would lack its beginning
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", LOW_DELAY)
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    (tmp_path / "film.m3u8").write_text(playlist.format(f"file://{tmp_path}/film.ts"))
    (tmp_path / "film.txt").write_text(f"ffconcat version 1.0\nfile {tmp_path}/film.ts\n")
    (tmp_path / "own.m3u8").write_text(playlist.format("film.ts"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_playlist_of_a_camera_cannot_lead_to_a_file_of_this_machine(hostile: str, tmp_path: Path) -> None:
    video = cv2.VideoWriter(str(tmp_path / "film.ts"), cv2.VideoWriter.fourcc(*"MPEG"), 25, (320, 240))
    for grey in range(50):
        video.write(np.full((240, 320, 3), grey, np.uint8))
    video.release()
    assert open_stream(f"{hostile}/own.m3u8").isOpened()  # such a playlist is understood, and the film can be played
    for path in ("film.m3u8", "film.txt", "redirect"):
        with pytest.raises(AbsentError):
            open_stream(f"{hostile}/{path}")
