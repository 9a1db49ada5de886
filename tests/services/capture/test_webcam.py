"""A webcam is asked for MJPEG, and its JPEGs pass through only if the driver really delivers them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from services.capture.opencv import MJPEG
from services.capture.webcam import open_webcam, webcam_works
from shared.cameras.problems import CameraAbsentError

YUYV = cv2.VideoWriter.fourcc(*"YUYV")


class FakeWebcam:
    """Stands in for cv2.VideoCapture: a driver, the format that it supports, and the properties that were set."""

    def __init__(self, backend: str = "V4L2", fourcc: int = MJPEG, opened: bool = True) -> None:
        self.backend, self.fourcc, self.opened = backend, fourcc, opened
        self.device: tuple[object, ...] = ()
        self.properties: dict[int, float] = {}
        self.released = False

    def __call__(self, *device: object) -> "FakeWebcam":
        self.device = device
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opened

    def getBackendName(self) -> str:  # noqa: N802 - OpenCV's name
        return self.backend

    def set(self, setting: int, value: float) -> bool:
        self.properties[setting] = value
        return True

    def get(self, setting: int) -> float:
        return float(self.fourcc)

    def grab(self) -> bool:
        return False

    def release(self) -> None:
        self.released = True


PlugIn = Callable[[FakeWebcam], FakeWebcam]


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> PlugIn:
    def plug_in(webcam: FakeWebcam) -> FakeWebcam:
        monkeypatch.setattr(cv2, "VideoCapture", webcam)
        return webcam

    return plug_in


@pytest.mark.parametrize(
    ("backend", "fourcc", "passes"), [("V4L2", MJPEG, True), ("V4L2", YUYV, False), ("AVFOUNDATION", MJPEG, False)]
)
def test_jpegs_pass_undecoded_only_if_the_driver_delivers_them(
    plug_in: PlugIn, backend: str, fourcc: int, passes: bool
) -> None:
    webcam = plug_in(FakeWebcam(backend, fourcc))
    open_webcam("0")
    assert webcam.properties[cv2.CAP_PROP_FOURCC] == MJPEG
    assert webcam.properties[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert (webcam.properties.get(cv2.CAP_PROP_CONVERT_RGB) == 0) is passes


@pytest.mark.parametrize(("word", "device"), [("2", (2,)), ("/dev/video2", ("/dev/video2", cv2.CAP_V4L2))])
def test_path_is_opened_by_v4l2_and_a_number_by_any_driver(
    plug_in: PlugIn, word: str, device: tuple[object, ...]
) -> None:
    webcam = plug_in(FakeWebcam())
    open_webcam(word)
    assert webcam.device == device


def test_webcam_that_does_not_open_is_absent_and_released(plug_in: PlugIn) -> None:
    webcam = plug_in(FakeWebcam(opened=False))
    with pytest.raises(CameraAbsentError):
        open_webcam("0")
    assert webcam.released


def test_webcam_that_opens_without_giving_a_frame_does_not_work(
    plug_in: PlugIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(FakeWebcam())
    monkeypatch.setattr(Path, "exists", lambda path: True)
    assert not webcam_works()
