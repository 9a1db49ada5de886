"""A real capture process with a real RTSP camera that is turned off, hangs and returns."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import simplejpeg

from shared.messaging.messages import CameraReport, Frame, Message
from shared.pipeline import CameraState
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port, run_pipeline, wait_for
from tests.services.capture.capture_process import run_capture

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
REPORTED_WITHIN_S = 2.0
BACK_WITHIN_S = 3.0
NEEDS = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,ugly}"
NAME = "127.0.0.1"  # the camera's name


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
def run_camera(port: int, encoder: str = "h264") -> Iterator["subprocess.Popen[str]"]:
    """Run an RTSP camera that is ready when the block begins, and killed when it ends."""
    command = [PYTHON, str(SERVER), str(port), encoder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "ready\n"
            yield server
        finally:
            server.kill()


def test_camera_that_is_turned_off_is_reported_and_its_frames_resume_when_it_returns(
    make_settings: MakeSettings,
) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"rtsp://127.0.0.1:{port}/cam", NAME) as capture:
        with run_camera(port):
            frame = capture.wait_for_frame()
            assert simplejpeg.decode_jpeg(frame.jpeg).shape == (480, 640, 3)
            capture.wait_for_state("live")
        capture.wait_for_state("blocked", "absent", timeout_s=REPORTED_WITHIN_S)
        with run_camera(port):
            returned_at = time.monotonic()
            assert capture.wait_for_frame(timeout_s=BACK_WITHIN_S).captured_at > returned_at
            capture.wait_for_state("live")


@pytest.mark.slow
def test_camera_that_stops_sending_is_reported_and_its_frames_resume_when_it_continues(
    make_settings: MakeSettings,
) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"rtsp://127.0.0.1:{port}/cam", NAME) as capture, run_camera(port) as server:
        capture.wait_for_pace()
        server.send_signal(signal.SIGSTOP)
        capture.wait_for_state("blocked", timeout_s=REPORTED_WITHIN_S)
        capture.wait_for_state("absent", timeout_s=5)
        server.send_signal(signal.SIGCONT)
        returned_at = time.monotonic()
        assert capture.wait_for_frame(timeout_s=BACK_WITHIN_S).captured_at > returned_at


def test_readings_resume_within_3_s_of_a_cameras_return_and_others_never_stop(tmp_path: Path) -> None:
    port = find_free_port()
    with run_pipeline(tmp_path, f"demo,rtsp://127.0.0.1:{port}/cam") as pipeline:
        with run_camera(port):
            wait_for(lambda: min(pipeline.count_readings(NAME), pipeline.count_readings("demo")) > 5)
        wait_for(
            lambda: not pipeline.read_metric("queue.1", "digitcam_camera_up", camera=NAME), timeout_s=REPORTED_WITHIN_S
        )
        demo_before = pipeline.count_readings("demo")
        wait_for(lambda: pipeline.count_readings("demo") > demo_before)  # and the camera's last frames are read by then
        before = pipeline.count_readings(NAME)
        with run_camera(port):
            wait_for(lambda: pipeline.count_readings(NAME) > before, timeout_s=BACK_WITHIN_S)


def test_camera_that_was_never_there_is_reported_and_read_when_it_appears(make_settings: MakeSettings) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"rtsp://127.0.0.1:{port}/cam", NAME) as capture:
        capture.wait_for_state("absent")
        with run_camera(port):
            capture.wait_for_frame(timeout_s=BACK_WITHIN_S)


def test_jpegs_of_the_camera_pass_through_and_its_password_is_not_logged(make_settings: MakeSettings) -> None:
    port = find_free_port()
    with run_capture(make_settings, f"rtsp://me:s3cret@127.0.0.1:{port}/cam", NAME) as capture:
        with run_camera(port, "jpeg"):
            assert simplejpeg.decode_jpeg(capture.wait_for_frame().jpeg).shape == (480, 640, 3)
            capture.wait_for_state("live")  # on a busy machine the first frame arrives before its state
        capture.wait_for_state("blocked", "absent", timeout_s=REPORTED_WITHIN_S)
        log = capture.terminate()
    assert "live" in log
    assert "s3cret" not in log


def test_camera_that_sends_over_udp_only_is_read(make_settings: MakeSettings) -> None:
    port = find_free_port()
    with run_camera(port, "udp"), run_capture(make_settings, f"rtsp://127.0.0.1:{port}/cam", NAME) as capture:
        capture.wait_for_frame()


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is missing: apt-get install ffmpeg")
def test_camera_is_connecting_until_its_next_key_frame(make_settings: MakeSettings) -> None:
    port = find_free_port()
    url, states = f"rtsp://127.0.0.1:{port}/cam", set()

    def is_frame(message: Message) -> bool:
        if isinstance(message, CameraReport):
            states.add(message.state)
        return isinstance(message, Frame)

    viewer = ["ffmpeg", *f"-v quiet -rtsp_transport tcp -i {url} -c copy -f framecrc -".split()]
    with (
        run_camera(port, "sparse"),
        subprocess.Popen(viewer, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as other,
    ):
        assert other.stdout
        other.stdout.readline()  # from now on the next key frame is up to 4 s away
        with run_capture(make_settings, url, NAME) as capture:
            capture.wait_for_message(is_frame)
        other.kill()
    assert states <= {CameraState.CONNECTING, CameraState.LIVE}
