"""Cameras added in the web interface: which sources are allowed, and how they combine with CAMERAS."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.capture.network import read_network_camera
from shared.cameras.added_cameras import (
    ADDED_CAMERAS_FILE,
    append_added_cameras,
    fingerprint_added_cameras,
    load_added_cameras,
    make_added_camera,
    read_added_cameras,
    write_added_cameras,
)
from shared.cameras.camera_list import SourceKind, parse_cameras
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError
from shared.settings import ConfigError

HALL = make_added_camera("hall", "rtsp://me:s3cret@10.0.0.7/live")


@pytest.mark.parametrize(
    "source",
    ["demo", "rtsp://10.0.0.7/live", "Http://10.0.0.7:8080/video", "https://me:pw@[fe80::1]:81/cam.mjpg?token=1,2"],
)
def test_camera_with_an_address_may_be_added(source: str) -> None:
    camera = make_added_camera("hall", source)
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
def test_files_and_devices_of_this_machine_may_not_be_added(source: str) -> None:
    with pytest.raises(ConfigError, match="source is rtsp://"):
        make_added_camera("hall", source)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a.", "a b", "a" * 33, "ä", "a\n"])
def test_name_that_could_be_a_path_or_forge_a_log_line_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="1 to 32 letters"):
        make_added_camera(name, "demo")


def test_file_is_read_back_as_written_and_private_to_its_user(tmp_path: Path) -> None:
    assert read_added_cameras(tmp_path) == {}
    write_added_cameras(tmp_path, {"hall": HALL})
    assert read_added_cameras(tmp_path) == {"hall": HALL}
    assert (tmp_path / ADDED_CAMERAS_FILE).stat().st_mode & 0o77 == 0
    assert [path.name for path in tmp_path.iterdir()] == [ADDED_CAMERAS_FILE]


def test_fingerprint_changes_with_each_write(tmp_path: Path) -> None:
    fingerprints = [fingerprint_added_cameras(tmp_path)]
    for _ in range(3):
        write_added_cameras(tmp_path, {"hall": HALL})
        fingerprints.append(fingerprint_added_cameras(tmp_path))
    assert all(before != after for before, after in pairwise(fingerprints))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"hall": 1}', '{"hall": "/etc/passwd"}', '{"../x": "demo"}'])
def test_damaged_file_is_one_sentence_with_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / ADDED_CAMERAS_FILE).write_text(text)
    with pytest.raises(ConfigError, match=r"cameras\.json can't be used .*: correct it, or delete it"):
        read_added_cameras(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"hall": 1}', '{"../x": "demo"}', "\0" * 4096])
def test_damaged_file_is_set_aside_and_prevents_no_start(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ADDED_CAMERAS_FILE
    path.write_text(text)
    assert load_added_cameras(tmp_path) == {}
    assert not path.exists()
    (aside,) = tmp_path.iterdir()
    assert aside.read_text() == text
    assert [aside.name in record.getMessage() for record in caplog.records] == [True]
    assert load_added_cameras(tmp_path) == {}
    assert len(caplog.records) == 1


def test_folder_in_place_of_the_file_prevents_no_start(tmp_path: Path) -> None:
    (tmp_path / ADDED_CAMERAS_FILE).mkdir()
    assert load_added_cameras(tmp_path) == {}
    write_added_cameras(tmp_path, {"hall": HALL})
    assert load_added_cameras(tmp_path) == {"hall": HALL}


def test_cameras_that_are_right_in_a_damaged_file_stay(tmp_path: Path) -> None:
    (tmp_path / ADDED_CAMERAS_FILE).write_text(f'{{"hall": "{HALL.source}", "passwd": "/etc/passwd", "n": 1}}')
    assert load_added_cameras(tmp_path) == {"hall": HALL}
    assert read_added_cameras(tmp_path) == {"hall": HALL}
    assert len(list(tmp_path.iterdir())) == 2


def test_name_in_cameras_takes_precedence_over_an_added_one(tmp_path: Path) -> None:
    write_added_cameras(tmp_path, {"demo": make_added_camera("demo", "http://10.0.0.7/"), "hall": HALL})
    cameras = append_added_cameras(parse_cameras(["demo"]), read_added_cameras(tmp_path))
    assert [(camera.name, camera.kind) for camera in cameras] == [
        ("demo", SourceKind.DEMO),
        ("hall", SourceKind.STREAM),
    ]


class HostileHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without logging; /redirect leads to a local file of this machine."""

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
def hostile(tmp_path: Path) -> Iterator[str]:
    """The address of a server whose playlists name local files of this machine."""
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    (tmp_path / "film.m3u8").write_text(playlist.format(f"file://{tmp_path}/film.ts"))
    (tmp_path / "film.txt").write_text(f"ffconcat version 1.0\nfile {tmp_path}/film.ts\n")
    (tmp_path / "own.m3u8").write_text(playlist.format("film.ts"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(HostileHandler, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_playlist_of_a_camera_cannot_open_a_file_of_this_machine(hostile: str, tmp_path: Path) -> None:
    video = cv2.VideoWriter(str(tmp_path / "film.ts"), cv2.VideoWriter.fourcc(*"MPEG"), 25, (320, 240))
    for gray in range(50):
        video.write(np.full((240, 320, 3), gray, np.uint8))
    video.release()
    assert next(read_network_camera(f"{hostile}/own.m3u8", Pace()))  # playlists work, and the video is playable
    for path in ("film.m3u8", "film.txt", "redirect"):
        with pytest.raises(CameraAbsentError):
            next(read_network_camera(f"{hostile}/{path}", Pace()))


def test_options_of_an_added_camera_are_kept(tmp_path: Path) -> None:
    word = "rtsp://10.0.0.7/live#weight=2.0#rotate=90#mirror#crop=1,2,30,40#fps=10.0#bare_ones"
    camera = make_added_camera("hall", word)
    assert (camera.source, camera.options.crop) == ("rtsp://10.0.0.7/live", (1, 2, 30, 40))
    write_added_cameras(tmp_path, {"hall": camera})
    assert read_added_cameras(tmp_path) == {"hall": camera}
    with pytest.raises(ConfigError, match="#rotate=5: rotate takes 90, 180 or 270"):
        make_added_camera("hall", "demo#rotate=5")


def test_options_cannot_make_a_file_of_this_machine_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo#secret.mp4").touch()
    with pytest.raises(ConfigError, match="files and webcams"):
        make_added_camera("hall", "demo#secret.mp4")
