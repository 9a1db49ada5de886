"""A webcam is asked for MJPEG, and its JPEGs pass through only if the driver really delivers them."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from services.capture.opencv import MJPEG
from services.capture.webcam import FAST_MSMF, open_webcam, wait_for_permission, webcam_works
from shared.cameras.options import CameraOptions
from shared.cameras.problems import CameraAbsentError, CameraProblem

YUYV = cv2.VideoWriter.fourcc(*"YUYV")


class FakeWebcam:
    """Stands in for cv2.VideoCapture: a driver, the format that it supports, and the properties that were set."""

    def __init__(self, backend: str = "V4L2", fourcc: int = MJPEG, opened: bool = True, failing: int = 0) -> None:
        self.backend, self.fourcc, self.opened, self.failing = backend, fourcc, opened, failing
        self.device: tuple[object, ...] = ()
        self.attempts: list[object] = []
        self.properties: dict[int, float] = {}
        self.released = False

    def __call__(self, *device: object) -> "FakeWebcam":
        self.device = device
        self.attempts.append(device[1] if device[1:] else None)
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opened and len(self.attempts) > self.failing

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


@pytest.mark.parametrize(("word", "device"), [("2", (2, cv2.CAP_ANY)), ("/dev/video2", ("/dev/video2", cv2.CAP_V4L2))])
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


def test_webcam_is_asked_for_the_size_and_rate_of_its_options(plug_in: PlugIn) -> None:
    webcam = plug_in(FakeWebcam())
    open_webcam("0", CameraOptions(size=(1280, 720), fps=15.0))
    asked = list(webcam.properties.items())
    assert asked[:4] == [
        (cv2.CAP_PROP_FOURCC, MJPEG),  # first: it decides which sizes and rates there are
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 15.0),
    ]


def test_windows_tries_directshow_first_and_spares_media_foundation_its_slow_part(
    plug_in: PlugIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv(FAST_MSMF, raising=False)
    webcam = plug_in(FakeWebcam("MSMF", failing=1))
    open_webcam("0")
    assert webcam.attempts == [cv2.CAP_DSHOW, cv2.CAP_MSMF]
    assert os.environ[FAST_MSMF] == "0"
    monkeypatch.delenv(FAST_MSMF)


@pytest.mark.parametrize(("asks", "attempts"), [(0, 1), (5, 6)])
def test_macos_is_asked_until_the_user_has_answered(
    plug_in: PlugIn, monkeypatch: pytest.MonkeyPatch, asks: int, attempts: int
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    webcam = plug_in(FakeWebcam("AVFOUNDATION", failing=asks))
    monkeypatch.setattr(time, "monotonic", map(float, range(100)).__next__)  # each attempt takes a second
    wait_for_permission("0")
    assert len(webcam.attempts) == attempts


def test_macos_is_not_asked_again_after_a_refusal(plug_in: PlugIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    webcam = plug_in(FakeWebcam("AVFOUNDATION", opened=False))  # returns at once
    wait_for_permission("0")
    assert len(webcam.attempts) == 1


@pytest.mark.parametrize(
    ("exists", "is_allowed", "problem"),
    [
        (False, False, CameraProblem.NO_WEBCAM),
        (True, False, CameraProblem.NOT_PERMITTED),
        (True, True, CameraProblem.UNPLUGGED),
    ],
)
def test_linux_tells_why_a_webcam_does_not_open(
    plug_in: PlugIn, monkeypatch: pytest.MonkeyPatch, exists: bool, is_allowed: bool, problem: CameraProblem
) -> None:
    plug_in(FakeWebcam(opened=False))
    monkeypatch.setattr(Path, "exists", lambda path: exists)
    monkeypatch.setattr(os, "access", lambda path, mode: is_allowed)
    with pytest.raises(CameraAbsentError) as error:
        open_webcam("7")
    assert error.value.problem == problem
