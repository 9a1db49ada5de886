"""A real RTSP camera that is switched off, hangs and comes back, seen from a real capture process."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import simplejpeg

from tests.conftest import MakeSettings
from tests.pipeline.pipeline import free_port, running, wait_for
from tests.services.capture.capture_process import run_capture

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
SEEN_WITHIN_S = 2.0
BACK_WITHIN_S = 3.0
NEEDS = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,ugly}"
NAME = "127.0.0.1"  # of the camera


def has_gstreamer() -> bool:
    ask = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None); "
    ask += (
        "assert all(map(Gst.ElementFactory.find, ('videotestsrc', 'x264enc', 'rtph264pay', 'jpegenc', 'rtpjpegpay')))"
    )
    try:
        return subprocess.run([PYTHON, "-c", ask], check=False, capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(
    not has_gstreamer(), reason=f"GStreamer's RTSP server is missing: apt-get install {NEEDS}"
)


@contextmanager
def serving(port: int, encoder: str = "h264") -> Iterator["subprocess.Popen[str]"]:
    """An RTSP camera that answers by the time the block begins; killed at its end."""
    command = [PYTHON, str(SERVER), str(port), encoder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "ready\n"
            yield server
        finally:
            server.kill()


def test_a_camera_that_is_switched_off_is_reported_and_its_frames_are_back_when_it_is(
    make_settings: MakeSettings,
) -> None:
    port = free_port()
    with run_capture(make_settings, f"rtsp://127.0.0.1:{port}/cam", NAME) as capture:
        with serving(port):
            frame = capture.wait_for_frame()
            assert simplejpeg.decode_jpeg(frame.jpeg).shape == (480, 640, 3)
            capture.wait_for_state("live")
        capture.wait_for_state("blocked", "absent", timeout_s=SEEN_WITHIN_S)
        with serving(port):
            back_at = time.monotonic()
            assert capture.wait_for_frame(timeout_s=BACK_WITHIN_S).captured_at > back_at
            capture.wait_for_state("live")


def test_a_camera_that_stops_sending_is_reported_and_its_frames_are_back_when_it_goes_on(
    make_settings: MakeSettings,
) -> None:
    port = free_port()
    with run_capture(make_settings, f"rtsp://127.0.0.1:{port}/cam", NAME) as capture, serving(port) as server:
        capture.wait_for_frame()
        server.send_signal(signal.SIGSTOP)
        capture.wait_for_state("blocked", timeout_s=SEEN_WITHIN_S)
        capture.wait_for_state("absent", timeout_s=5)
        server.send_signal(signal.SIGCONT)
        back_at = time.monotonic()
        assert capture.wait_for_frame(timeout_s=BACK_WITHIN_S).captured_at > back_at


def test_readings_are_back_within_3_s_of_a_cameras_return_and_others_never_stop(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, f"demo,rtsp://127.0.0.1:{port}/cam") as pipeline:
        with serving(port):
            wait_for(lambda: pipeline.readings(NAME) > 5)
        wait_for(lambda: not pipeline.value("queue.1", "digitcam_camera_up", camera=NAME), seconds=SEEN_WITHIN_S)
        before, demo_before = pipeline.readings(NAME), pipeline.readings("demo")
        with serving(port):
            wait_for(lambda: pipeline.readings(NAME) > before, seconds=BACK_WITHIN_S)
        assert pipeline.readings("demo") > demo_before


def test_a_camera_that_was_never_there_is_reported_and_seen_when_it_appears(make_settings: MakeSettings) -> None:
    port = free_port()
    with run_capture(make_settings, f"rtsp://127.0.0.1:{port}/cam", NAME) as capture:
        capture.wait_for_state("absent")
        with serving(port):
            capture.wait_for_frame(timeout_s=BACK_WITHIN_S)


def test_a_camera_that_sends_jpegs_has_them_passed_on_with_no_password_in_the_log(make_settings: MakeSettings) -> None:
    port = free_port()
    with run_capture(make_settings, f"rtsp://me:s3cret@127.0.0.1:{port}/cam", NAME) as capture:
        with serving(port, "jpeg"):
            assert simplejpeg.decode_jpeg(capture.wait_for_frame().jpeg).shape == (480, 640, 3)
            capture.wait_for_state("live")  # on a busy machine the first frame comes before the word about it
        capture.wait_for_state("blocked", "absent", timeout_s=SEEN_WITHIN_S)
        log = capture.terminate()
    assert "live" in log
    assert "s3cret" not in log
