"""The list of cameras: the words of CAMERAS, unique and safe names, and errors that say the remedy."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.cameras.camera_list import Camera, SourceKind, find_camera, hide_secrets, parse_cameras
from shared.cameras.options import CameraOptions
from shared.settings import ConfigError, load_settings


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
        (
            "0#rotate=180#mirror#crop=1,2,30,40#fps=10#bare_ones#size=1280x720",
            "0",
            CameraOptions(rotate=180, mirror=True, crop=(1, 2, 30, 40), fps=10.0, bare_ones=True, size=(1280, 720)),
        ),
        ("rtsp://me:p#1@10.0.0.7/live #mirror", "rtsp://me:p#1@10.0.0.7/live", CameraOptions(mirror=True)),
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
        (["demo#wait=2"], "CAMERAS has #wait=2: a camera takes #rotate=180, #mirror, "),
        (["demo#weight=0"], "CAMERAS has #weight=0: weight takes a number from 0.1 to 10"),
        (["demo#weight=nan"], "CAMERAS has #weight=nan: weight takes a number"),
        (["demo#max_age_s=soon"], "CAMERAS has #max_age_s=soon: max_age_s takes a number from 0.01 to 60"),
        (["demo#rotate=45"], "CAMERAS has #rotate=45: rotate takes 90, 180 or 270"),
        (["demo#crop=0,0,0,9"], "CAMERAS has #crop=0,0,0,9: crop takes x,y,width,height in pixels"),
        (["demo#crop=1,2"], "CAMERAS has #crop=1,2: crop takes x,y,width,height in pixels"),
        (["demo#fps=fast"], "CAMERAS has #fps=fast: fps takes a number from 0.1 to 240"),
        (["demo#size=9x9"], "CAMERAS: demo is no webcam"),
        (["rtsp://me:s3cret#a=b@10.0.0.7/"], "CAMERAS has #...@10.0.0.7/: a camera takes"),
        (["rtsp://10.0.0.7/1#Mirror"], "CAMERAS has #Mirror: a camera takes #rotate=180, #mirror, "),
        (["rtsp://10.0.0.7/1#rotate#fps=5"], "CAMERAS has #rotate: rotate takes 90"),
        (["demo#rotate=90#mirror#rotate=180"], "CAMERAS has #rotate twice: a camera takes each option once"),
        (["front_door=rtsp://10.0.0.7/1"], "CAMERAS: 'front_door' can't be a camera's name: it takes 1 to 32"),
        (["küche=demo"], "CAMERAS: 'küche' can't be a camera's name"),
        (["my hall=demo#mirror"], "CAMERAS: 'my hall' can't be a camera's name"),
        (["hall="], "CAMERAS: no camera follows the name hall=: it takes auto"),
        (["12345"], "CAMERAS=12345 does not exist"),
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
def test_auto_is_a_working_webcam_or_the_demo(works: bool, kind: SourceKind) -> None:
    (camera,) = parse_cameras(["auto"], webcam_works=lambda: works)
    assert camera.kind is kind


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


def test_option_that_looks_like_part_of_a_password_is_explained() -> None:
    with pytest.raises(ConfigError, match=r"Is it part of a password.*write @ as %40, # as %23"):
        parse_cameras(["rtsp://me:pw#a=b@10.0.0.7/"])


CHANNELS = [f"{name}=rtsp://10.0.0.7/{number}" for number, name in enumerate(["hall", "door", "yard", "desk"])]


def test_named_cameras_keep_their_names_when_one_is_removed() -> None:
    before = {camera.source: camera.name for camera in parse_cameras(CHANNELS)}
    after = {camera.source: camera.name for camera in parse_cameras(CHANNELS[1:])}
    assert list(before.values()) == ["hall", "door", "yard", "desk"]
    assert after.items() <= before.items()
    assert find_camera(CHANNELS, "door").source == "rtsp://10.0.0.7/1"


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two cameras named hall"):
        parse_cameras(["hall=demo", "hall=0"])


def test_own_name_is_never_taken_by_another_camera() -> None:
    assert [camera.name for camera in parse_cameras(["demo", "demo=demo#weight=2", "demo"])] == [
        "demo.2",
        "demo",
        "demo.3",
    ]


def test_camera_that_auto_finds_can_have_a_name() -> None:
    assert [camera.name for camera in parse_cameras(["desk=auto#mirror"])] == ["desk"]
    assert find_camera(["desk=auto"], "desk").kind == SourceKind.WEBCAM


def test_file_may_have_an_equals_sign(files: Path) -> None:
    (files / "a=b.mp4").touch()
    assert parse_cameras(["a=b.mp4"])[0].source == "a=b.mp4"


def test_commas_of_a_crop_do_not_separate_cameras() -> None:
    cameras = load_settings({"CAMERAS": "demo#crop=1,2,30,40#mirror,0,demo#crop=1,2,30,40,1"}, Path("no.env")).cameras
    assert cameras == ("demo#crop=1,2,30,40#mirror", "0", "demo#crop=1,2,30,40", "1")


@pytest.mark.parametrize(
    "text", ["hall = rtsp://10.0.0.7/1 #rotate=90 #mirror", "hall=rtsp://10.0.0.7/1#rotate=90#mirror"]
)
def test_spaces_between_the_parts_of_an_entry_mean_nothing(text: str) -> None:
    (camera,) = parse_cameras([text])
    assert (camera.name, camera.source) == ("hall", "rtsp://10.0.0.7/1")
    assert camera.options == CameraOptions(rotate=90, mirror=True)


def test_numbers_of_options_may_be_written_in_any_way() -> None:
    cameras = load_settings({"CAMERAS": "0#size=640X480#crop=1, 2, 30, 40,demo"}, Path("no.env")).cameras
    assert [camera.options for camera in parse_cameras(cameras)] == [
        CameraOptions(size=(640, 480), crop=(1, 2, 30, 40)),
        CameraOptions(),
    ]


def test_commas_of_a_login_do_not_separate_cameras() -> None:
    words = ("rtsp://10.0.0.7", "hall=rtsp://me:a,b,c#d@10.0.0.8/1", "http://me,:@10.0.0.9", "0")
    assert load_settings({"CAMERAS": ",".join(words)}, Path("no.env")).cameras == words


def test_name_holds_no_part_of_a_password_that_is_not_escaped() -> None:
    for url in ("http://me:p@ss/w#rd:1%@10.0.0.7:80/cam", "rtsp://me:pa/ss@10.0.0.7/", "rtsp://me:pa#ss@10.0.0.7/"):
        assert parse_cameras([url])[0].name == "10.0.0.7"


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("x" * 300 + ".jpg", "can't be opened: File name too long"),
        ("~nosuchuser/x.jpg", "can't be opened: there is no such user"),
        (__file__ + "/a.jpg", "can't be opened: Not a directory"),
    ],
)
def test_name_that_can_not_be_opened_is_one_sentence(word: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_cameras([word])
