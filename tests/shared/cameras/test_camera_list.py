"""The list of cameras: what the words mean, unique and harmless names, and errors that say what would be right."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.cameras.camera_list import Camera, SourceKind, find_camera, hide_secrets, parse_cameras
from shared.cameras.options import CameraOptions
from shared.settings import ConfigError


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A video, a picture, a folder of pictures and one of none, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"not looked at yet")
    (tmp_path / "photos").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
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
        ("photo.jpg", SourceKind.PICTURES, "photo"),
        ("photos", SourceKind.PICTURES, "photos"),
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
    ("word", "source", "terms"),
    [
        ("demo#weight=2", "demo", CameraOptions(weight=2.0)),
        ("0#max_age_s=0.5#weight=0.1", "0", CameraOptions(0.1, 0.5)),
        ("rtsp://me:pw@10.0.0.7/live?a=1#weight=3", "rtsp://me:pw@10.0.0.7/live?a=1", CameraOptions(weight=3.0)),
        ("take#1.mp4#weight=3", "take#1.mp4", CameraOptions(weight=3.0)),
        ("take#1.mp4", "take#1.mp4", CameraOptions()),
    ],
)
def test_terms_follow_a_word(files: Path, word: str, source: str, terms: CameraOptions) -> None:
    (files / "take#1.mp4").touch()
    (camera,) = parse_cameras([word])
    assert (camera.source, camera.terms) == (source, terms)
    assert find_camera(["demo", word], parse_cameras(["demo", word])[1].name).terms == terms


@pytest.mark.parametrize("works", [True, False])
def test_terms_follow_auto_whatever_it_is(works: bool) -> None:
    (camera,) = parse_cameras(["auto#weight=2"], webcam_works=lambda: works)
    assert (camera.kind, camera.terms) == (SourceKind.WEBCAM if works else SourceKind.DEMO, CameraOptions(weight=2.0))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "CAMERAS is empty"),
        (["clip.mp3"], "CAMERAS=clip.mp3 does not exist"),
        (["-1"], "CAMERAS=-1 does not exist"),
        (["empty"], "CAMERAS=empty is a folder without pictures"),
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
def test_a_wrong_word_is_named_with_what_would_be_right(files: Path, words: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_cameras(words)
    assert str(error.value).startswith(says)
    assert "takes" in str(error.value)


def test_names_are_unique_short_and_never_taken_twice(files: Path) -> None:
    (files / "demo.2").mkdir()
    cv2.imwrite("demo.2/a.png", np.zeros((4, 4, 3), np.uint8))
    (files / ("long" * 20 + ".mp4")).touch()
    names = [camera.name for camera in parse_cameras(["demo", "demo.2/", "demo", "demo", "long" * 20 + ".mp4"])]
    assert names == ["demo", "demo.2", "demo.3", "demo.4", ("long" * 20)[:32]]


@pytest.mark.parametrize("word", ["rtsp://me:s3cret@10.0.0.7/live", "http://10.0.0.7/cam.mjpg?token=s3cret"])
def test_a_password_is_in_no_name_and_in_no_error(word: str) -> None:
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
def test_auto_is_a_webcam_that_works_or_the_demo_and_says_which(
    works: bool, kind: SourceKind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (camera,) = parse_cameras(["auto"], webcam_works=lambda: works)
    assert camera.kind is kind
    assert len(caplog.messages) == 1
    assert ("webcam 0" if works else "demo") in caplog.messages[0]


@pytest.mark.parametrize("works", [True, False])
def test_a_worker_finds_its_camera_by_name_without_trying_the_webcam(works: bool) -> None:
    words = ["demo", "auto", "rtsp://10.0.0.7/"]
    for camera in parse_cameras(words, webcam_works=lambda: works):
        found = find_camera(words, camera.name)
        assert (found.name, found.kind) == (camera.name, camera.kind)
    with pytest.raises(ConfigError, match="no camera named door"):
        find_camera(words, "door")


@pytest.mark.parametrize("name", ["webcam0", "demo"])
def test_camera_that_was_added_is_not_what_auto_might_have_been(name: str) -> None:
    """The page may not switch on this machine's webcam."""
    added = Camera(name, SourceKind.STREAM, "rtsp://10.0.0.7/")
    assert find_camera(["auto"], name, {name: added}) is added
    assert find_camera(["0", "demo"], name, {name: added}) is not added


def test_file_that_is_gone_stops_no_camera_but_its_own(files: Path) -> None:
    words = ["clip.mp4", "auto", "photos", "demo"]
    (files / "clip.mp4").unlink()
    names = ["webcam0", "photos", "demo.2"]
    assert [find_camera(words, name).name for name in names] == names
    with pytest.raises(ConfigError, match=r"clip\.mp4 does not exist"):
        find_camera(words, "clip")
