"""A webcam is asked for its own MJPEG, and only a driver that hands over JPEGs is taken at its word."""

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from services.capture.opencv import MJPEG
from services.capture.webcam import open_webcam, webcam_works
from shared.cameras.shot import AbsentError

YUYV = cv2.VideoWriter.fourcc(*"YUYV")


class FakeWebcam:
    """What OpenCV would open: a driver, the format that it can do, and what was asked of it."""

    def __init__(self, backend: str = "V4L2", fourcc: int = MJPEG, opened: bool = True) -> None:
        self.backend, self.fourcc, self.opened = backend, fourcc, opened
        self.device: tuple[object, ...] = ()
        self.asked: dict[int, float] = {}
        self.released = False

    def __call__(self, *device: object) -> "FakeWebcam":
        self.device = device
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opened

    def getBackendName(self) -> str:  # noqa: N802 - OpenCV's name
        return self.backend

    def set(self, setting: int, value: float) -> bool:
        self.asked[setting] = value
        return True

    def get(self, setting: int) -> float:
        return float(self.fourcc)

    def grab(self) -> bool:
        return False

    def release(self) -> None:
        self.released = True


Plug = Callable[[FakeWebcam], FakeWebcam]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    def plug(webcam: FakeWebcam) -> FakeWebcam:
        monkeypatch.setattr(cv2, "VideoCapture", webcam)
        return webcam

    return plug


@pytest.mark.parametrize(
    ("backend", "fourcc", "passes"), [("V4L2", MJPEG, True), ("V4L2", YUYV, False), ("AVFOUNDATION", MJPEG, False)]
)
def test_jpegs_pass_undecoded_only_where_the_driver_hands_them_over(
    plug: Plug, backend: str, fourcc: int, passes: bool
) -> None:
    webcam = plug(FakeWebcam(backend, fourcc))
    open_webcam("0")
    assert webcam.asked[cv2.CAP_PROP_FOURCC] == MJPEG
    assert webcam.asked[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert (webcam.asked.get(cv2.CAP_PROP_CONVERT_RGB) == 0) is passes


@pytest.mark.parametrize(("word", "device"), [("2", (2,)), ("/dev/video2", ("/dev/video2", cv2.CAP_V4L2))])
def test_a_number_is_any_systems_webcam_and_a_path_is_linuxs(plug: Plug, word: str, device: tuple[object, ...]) -> None:
    webcam = plug(FakeWebcam())
    open_webcam(word)
    assert webcam.device == device


def test_a_webcam_that_does_not_open_is_absent_and_let_go(plug: Plug) -> None:
    webcam = plug(FakeWebcam(opened=False))
    with pytest.raises(AbsentError):
        open_webcam("0")
    assert webcam.released


def test_a_webcam_that_opens_and_gives_no_picture_does_not_work(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(FakeWebcam())
    monkeypatch.setattr(Path, "exists", lambda path: True)
    assert not webcam_works()
