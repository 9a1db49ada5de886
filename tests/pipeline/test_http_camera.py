"""A real capture process with a real MJPEG camera over HTTP that is turned off, hangs and returns."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port
from tests.services.capture.capture_process import run_capture

REPORTED_WITHIN_S = 2.0
BACK_WITHIN_S = 3.0
NAME = "127.0.0.1"  # the camera's name
MOVING = "testsrc=size=320x240:rate=30"
STILL = "color=size=320x240:rate=30"

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is missing: apt-get install ffmpeg")


@contextmanager
def run_camera(port: int, pattern: str = MOVING) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a camera that serves one client and exits with it; it is killed when the block ends."""
    options = f"-loglevel quiet -re -f lavfi -i {pattern} -c:v mjpeg -f mpjpeg -listen 1"
    command = ["ffmpeg", *options.split(), f"http://127.0.0.1:{port}/cam.mjpg"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:
        try:
            yield server
        finally:
            server.kill()


def test_camera_that_is_turned_off_is_reported_and_its_frames_resume_when_it_returns(
    make_settings: MakeSettings,
) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture:
        with run_camera(port):
            capture.wait_for_frame()
            capture.wait_for_state("live")
        capture.wait_for_state("absent", timeout_s=REPORTED_WITHIN_S)
        with run_camera(port):
            returned_at = time.monotonic()
            assert capture.wait_for_frame(timeout_s=BACK_WITHIN_S).captured_at > returned_at


def test_camera_that_stops_sending_is_reported(make_settings: MakeSettings) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture, run_camera(port) as server:
        capture.wait_for_pace()
        server.send_signal(signal.SIGSTOP)
        capture.wait_for_state("blocked", "absent", timeout_s=REPORTED_WITHIN_S)


def test_jpegs_of_the_camera_pass_through_undecoded(make_settings: MakeSettings) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture, run_camera(port):
        assert b"Lavc" in capture.wait_for_frame().jpeg  # a comment that FFmpeg's encoder writes and ours does not


def test_camera_that_repeats_one_frame_is_reported_as_frozen(make_settings: MakeSettings) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"http://127.0.0.1:{port}/cam.mjpg", NAME) as capture, run_camera(port, STILL):
        capture.wait_for_frame()
        capture.wait_for_state("frozen", timeout_s=REPORTED_WITHIN_S)
