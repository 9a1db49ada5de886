"""A real MJPEG camera over HTTP that is switched off, hangs and comes back, seen from a real capture process."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import MakeSettings
from tests.pipeline.pipeline import free_port
from tests.services.capture.capture_process import run_capture

SEEN_WITHIN_S = 2.0
BACK_WITHIN_S = 3.0
NAME = "127.0.0.1"  # of the camera
MOVING = "testsrc=size=320x240:rate=30"
STILL = "color=size=320x240:rate=30"

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is missing: apt-get install ffmpeg")


@contextmanager
def serving(port: int, pictures: str = MOVING) -> Iterator["subprocess.Popen[bytes]"]:
    """A camera that takes one viewer and leaves with it; killed at the end of the block."""
    options = f"-loglevel quiet -re -f lavfi -i {pictures} -c:v mjpeg -f mpjpeg -listen 1"
    command = ["ffmpeg", *options.split(), f"http://127.0.0.1:{port}/cam.mjpg"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:
        try:
            yield server
        finally:
            server.kill()


def test_a_camera_that_is_switched_off_is_reported_and_its_frames_are_back_when_it_is(
    make_settings: MakeSettings,
) -> None:
    port = free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture:
        with serving(port):
            capture.wait_for_frame()
            capture.wait_for_state("live")
        capture.wait_for_state("absent", timeout_s=SEEN_WITHIN_S)
        with serving(port):
            back_at = time.monotonic()
            assert capture.wait_for_frame(timeout_s=BACK_WITHIN_S).captured_at > back_at


def test_a_camera_that_stops_sending_is_reported(make_settings: MakeSettings) -> None:
    port = free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture, serving(port) as server:
        capture.wait_for_frame()
        server.send_signal(signal.SIGSTOP)
        capture.wait_for_state("blocked", "absent", timeout_s=SEEN_WITHIN_S)


def test_the_cameras_own_jpegs_are_passed_on_undecoded(make_settings: MakeSettings) -> None:
    port = free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture, serving(port):
        assert b"Lavc" in capture.wait_for_frame().jpeg  # the comment that FFmpeg's encoder leaves, and ours does not


def test_a_camera_that_repeats_one_picture_is_reported_as_frozen(make_settings: MakeSettings) -> None:
    port = free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture, serving(port, STILL):
        capture.wait_for_frame()
        capture.wait_for_state("frozen", timeout_s=SEEN_WITHIN_S)
