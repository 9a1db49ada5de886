"""The list of cameras: the words of CAMERAS, unique and safe names, and errors that say the remedy."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.cameras.camera_list import Camera, SourceKind, find_camera, hide_secrets, parse_cameras
from shared.cameras.options import CameraOptions
from shared.settings import ConfigError


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A video, an image, a folder of images and an empty folder, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"not opened yet")
    (tmp_path / "photos").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("not an image")
    for path in ("photo.jpg", "photos/a.png"):
        cv2.imwrite(path, np.zeros((4, 4, 3), np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    ("word", "kind", "name"),
    [
        ("demo", SourceKind.DEMO, "demo"),
        ("0", SourceKind.WEBCAM, "webcam0"),
        ("12", SourceKind.WEBCAM, "webcam12"),
        ("/dev/video2", SourceKind.WEBCAM, "video2"),
        ("/dev/v4l/by-id/usb-A_B", SourceKind.WEBCAM, "v4l-by-id-usb-A-B"),
        ("clip.mp4", SourceKind.VIDEO, "clip"),
        ("photo.jpg", SourceKind.IMAGES, "photo"),
        ("photos", SourceKind.IMAGES, "photos"),
        ("rtsp://10.0.0.7:554/live", SourceKind.STREAM, "10.0.0.7"),
        ("rtsps://door.example/live", SourceKind.STREAM, "door.example"),
        ("http://10.0.0.7/cam.mjpg", SourceKind.STREAM, "10.0.0.7"),
        ("http://[fe80::1]:80/cam.mjpg", SourceKind.STREAM, "fe80-1"),
    ],
)
def test_each_word_is_one_camera(files: Path, word: str, kind: SourceKind, name: str) -> None:
    (camera,) = parse_cameras([word])
    assert (camera.kind, camera.name, camera.source) == (kind, name, word)


@pytest.mark.parametrize(
    ("word", "source", "options"),
    [
        ("demo#weight=2", "demo", CameraOptions(weight=2.0)),
        ("0#max_age_s=0.5#weight=0.1", "0", CameraOptions(weight=0.1, max_age_s=0.5)),
        ("rtsp://me:pw@10.0.0.7/live?a=1#weight=3", "rtsp://me:pw@10.0.0.7/live?a=1", CameraOptions(weight=3.0)),
        ("take#1.mp4#weight=3", "take#1.mp4", CameraOptions(weight=3.0)),
        ("take#1.mp4", "take#1.mp4", CameraOptions()),
    ],
)
def test_options_follow_a_word(files: Path, word: str, source: str, options: CameraOptions) -> None:
    (files / "take#1.mp4").touch()
    (camera,) = parse_cameras([word])
    assert (camera.source, camera.options) == (source, options)
    assert find_camera(["demo", word], parse_cameras(["demo", word])[1].name).options == options


@pytest.mark.parametrize("works", [True, False])
def test_options_apply_to_whatever_auto_becomes(works: bool) -> None:
    (camera,) = parse_cameras(["auto#weight=2"], webcam_works=lambda: works)
    assert (camera.kind, camera.options) == (SourceKind.WEBCAM if works else SourceKind.DEMO, CameraOptions(weight=2.0))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "CAMERAS is empty"),
        (["clip.mp3"], "CAMERAS=clip.mp3 does not exist"),
        (["-1"], "CAMERAS=-1 does not exist"),
        (["empty"], "CAMERAS=empty is a folder without images"),
        (["gopher://10.0.0.7/"], "CAMERAS=gopher://10.0.0.7/ is not a camera's address"),
        (["http://"], "CAMERAS=http:// is not a camera's address"),
        (["rtsp://[1::2/"], "CAMERAS=rtsp://[1::2/ is not a camera's address"),
        (["demo#wait=2"], "CAMERAS has #wait=2: a camera takes #weight=(0.1 to 10) and #max_age_s=(0.01 to 60)"),
        (["demo#weight=0"], "CAMERAS has #weight=0: weight takes a number from 0.1 to 10"),
        (["demo#weight=nan"], "CAMERAS has #weight=nan: weight takes a number"),
        (["demo#max_age_s=soon"], "CAMERAS has #max_age_s=soon: max_age_s takes a number from 0.01 to 60"),
        (["demo", "demi"], "CAMERAS=demi does not exist: it takes auto, demo"),
    ],
)
def test_wrong_word_is_named_with_what_is_accepted(files: Path, words: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_cameras(words)
    assert str(error.value).startswith(says)
    assert "takes" in str(error.value)


def test_names_are_unique_and_short(files: Path) -> None:
    (files / "demo.2").mkdir()
    cv2.imwrite("demo.2/a.png", np.zeros((4, 4, 3), np.uint8))
    (files / ("long" * 20 + ".mp4")).touch()
    names = [camera.name for camera in parse_cameras(["demo", "demo.2/", "demo", "demo", "long" * 20 + ".mp4"])]
    assert names == ["demo", "demo.2", "demo.3", "demo.4", ("long" * 20)[:32]]


@pytest.mark.parametrize("word", ["rtsp://me:s3cret@10.0.0.7/live", "http://10.0.0.7/cam.mjpg?token=s3cret"])
def test_password_appears_in_no_name_and_in_no_error(word: str) -> None:
    assert "s3cret" not in parse_cameras([word])[0].name
    assert "s3cret" not in hide_secrets(word)
    for wrong in (word.replace("rtsp", "ftp").replace("http", "ftp"), word.replace("10.0.0.7", "[10.0.0.7")):
        with pytest.raises(ConfigError) as error:
            parse_cameras([wrong])
        assert "s3cret" not in str(error.value)
    with pytest.raises(ConfigError) as error:
        find_camera([word], "door")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(("works", "kind"), [(True, SourceKind.WEBCAM), (False, SourceKind.DEMO)])
def test_auto_is_a_working_webcam_or_the_demo_and_logs_which(
    works: bool, kind: SourceKind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (camera,) = parse_cameras(["auto"], webcam_works=lambda: works)
    assert camera.kind is kind
    assert len(caplog.messages) == 1
    assert ("webcam 0" if works else "demo") in caplog.messages[0]


@pytest.mark.parametrize("works", [True, False])
def test_process_finds_its_camera_by_name_without_opening_the_webcam(works: bool) -> None:
    words = ["demo", "auto", "rtsp://10.0.0.7/"]
    for camera in parse_cameras(words, webcam_works=lambda: works):
        found = find_camera(words, camera.name)
        assert (found.name, found.kind) == (camera.name, camera.kind)
    with pytest.raises(ConfigError, match="no camera named door"):
        find_camera(words, "door")


@pytest.mark.parametrize("name", ["webcam0", "demo"])
def test_added_camera_is_not_what_auto_might_have_been(name: str) -> None:
    """The web interface may not turn on this machine's webcam."""
    added = Camera(name, SourceKind.STREAM, "rtsp://10.0.0.7/")
    assert find_camera(["auto"], name, {name: added}) is added
    assert find_camera(["0", "demo"], name, {name: added}) is not added


def test_missing_file_stops_only_its_own_camera(files: Path) -> None:
    words = ["clip.mp4", "auto", "photos", "demo"]
    (files / "clip.mp4").unlink()
    names = ["webcam0", "photos", "demo.2"]
    assert [find_camera(words, name).name for name in names] == names
    with pytest.raises(ConfigError, match=r"clip\.mp4 does not exist"):
        find_camera(words, "clip")
