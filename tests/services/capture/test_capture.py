"""Capture: sends frames as credit allows, reports its camera's state, and exits when the driver hangs."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from prometheus_client import REGISTRY

from services.capture import sources
from services.capture.__main__ import STALLED_AFTER_S, HungError, find_problem, main, run
from services.capture.frames import FrameStream, Tick
from services.capture.grabber import FrameGrabber
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.options import CameraOptions
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame, StatePublisher
from shared.cameras.watchdog import CameraStatus, CameraWatchdog
from shared.demo.camera import HEIGHT, WIDTH
from shared.messaging.frame_store import FrameStore
from shared.messaging.messages import CameraReport, Credit, Frame, Message
from shared.messaging.sockets import HEARTBEAT_S
from shared.pipeline import CameraState, Stage
from shared.service.lifecycle import ServiceContext
from shared.settings import load_settings
from shared.telemetry.health import Health
from tests.conftest import MakeSettings
from tests.services.capture.capture_process import run_capture

AHEAD_S = 1000.0  # of the queue's clock


@dataclass
class CreditQueue:
    """Grants the listed credit, records every message, and stops the loop when the credit is used and is_done()."""

    is_done: Callable[["CreditQueue"], bool]
    credit: list[int] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    failing_sends: int = 0  # number of frames that cannot be sent
    idle_turns: int = 0  # since the last message was sent
    connected: bool = True
    store: FrameStore = field(default_factory=FrameStore)
    stop: threading.Event = field(default_factory=threading.Event)

    def send(self, *messages: Message) -> bool:
        if self.failing_sends and any(isinstance(message, Frame) for message in messages):
            self.failing_sends -= 1
            return False
        self.sent += messages
        self.idle_turns = 0
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        self.idle_turns += 1
        if not self.credit and self.is_done(self):
            self.stop.set()
        return [Credit("cam", self.credit.pop(0))] if self.credit else []

    def now(self) -> float:
        return time.monotonic() + AHEAD_S

    @property
    def frames(self) -> list[Frame]:
        return [message for message in self.sent if isinstance(message, Frame)]

    @property
    def states(self) -> list[str]:
        return [message.state for message in self.sent if isinstance(message, CameraReport)]


def stream(count: int) -> FrameStream:
    for number in range(count):
        yield CapturedFrame(bytes([number]), time.monotonic())


@contextmanager
def open_grabber(open_source: Callable[[], FrameStream], *, keep_all: bool = True) -> Iterator[FrameGrabber]:
    grabber = FrameGrabber(open_source, keep_all=keep_all, on_replaced=lambda: None)
    yield grabber
    assert grabber.close(5)


def run_loop(queue: CreditQueue, grabber: FrameGrabber, began_at: float | None = None) -> None:
    context = ServiceContext(
        load_settings({}, Path("no.env")), Stage.CAPTURE, "cam", logging.getLogger("capture.cam"), queue.stop
    )
    camera = Camera("cam", SourceKind.DEMO, "demo", CameraOptions(weight=2.0, max_age_s=0.5))
    watchdog = CameraWatchdog(
        time.monotonic() if began_at is None else began_at, can_block=not grabber.keep_all, can_freeze=False
    )
    run(context, camera, queue, grabber, watchdog)


def read_metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"camera": "cam"} | labels) or 0.0


def test_frames_are_sent_only_as_far_as_credit_goes() -> None:
    queue = CreditQueue(lambda queue: queue.idle_turns > 20, credit=[0, 0, 5])
    with open_grabber(lambda: stream(50)) as grabber:
        run_loop(queue, grabber)
    assert [frame.jpeg for frame in queue.frames] == [bytes([number]) for number in range(5)]
    assert {(frame.weight, frame.max_age_s) for frame in queue.frames} == {(2.0, 0.5)}


def test_camera_without_credit_still_reports_its_state() -> None:
    queue = CreditQueue(lambda queue: "live" in queue.states)
    with open_grabber(lambda: stream(50)) as grabber:
        run_loop(queue, grabber)
    assert queue.states[-1] == "live"
    assert queue.frames == []


def test_sequence_numbers_grow_across_restarts() -> None:
    seen = []
    for _ in range(2):
        queue = CreditQueue(lambda queue: len(queue.frames) == 3, credit=[3])
        with open_grabber(lambda: stream(3)) as grabber:
            run_loop(queue, grabber)
        seen += [frame.seq for frame in queue.frames]
    assert seen == sorted(set(seen))


def test_capture_time_is_in_the_queues_clock() -> None:
    before = time.monotonic()
    queue = CreditQueue(lambda queue: len(queue.frames) == 1, credit=[1])
    with open_grabber(lambda: stream(1)) as grabber:
        run_loop(queue, grabber)
    assert before <= queue.frames[0].captured_at - AHEAD_S <= time.monotonic()


def test_every_frame_resends_what_the_queue_could_not_receive() -> None:
    queue = CreditQueue(lambda queue: len(queue.frames) == 3, credit=[3, 3, 3], failing_sends=2)
    with open_grabber(lambda: stream(3)) as grabber:
        run_loop(queue, grabber)
    assert [frame.jpeg for frame in queue.frames] == [bytes([0]), bytes([1]), bytes([2])]
    assert all(frame.every_frame for frame in queue.frames)


def test_live_frame_that_the_queue_could_not_receive_is_dropped_and_counted() -> None:
    labels = {"stage": "capture", "reason": "no queue"}
    before = read_metric("digitcam_drops_total", **labels)
    queue = CreditQueue(lambda queue: not queue.failing_sends, credit=[1], failing_sends=1)
    with open_grabber(lambda: stream(1), keep_all=False) as grabber:
        run_loop(queue, grabber)
    assert queue.frames == []
    assert read_metric("digitcam_drops_total", **labels) == before + 1


def test_lost_camera_is_reported_with_the_reason_and_each_reopening_is_counted() -> None:
    def camera() -> FrameStream:
        raise CameraAbsentError(CameraProblem.ENDED)
        yield

    before = read_metric("digitcam_camera_reconnects_total")
    queue = CreditQueue(lambda queue: read_metric("digitcam_camera_reconnects_total") >= before + 2)
    with open_grabber(camera, keep_all=False) as grabber:
        run_loop(queue, grabber)
    assert set(queue.states) <= {"connecting", "absent"}
    report = queue.sent[-1]
    assert isinstance(report, CameraReport)
    assert (report.camera, report.state, report.detail) == ("cam", CameraState.ABSENT, "it gives no more frames")


def test_driver_that_hangs_is_reported_before_the_process_gives_up() -> None:
    released = threading.Event()

    def camera() -> FrameStream:
        released.wait(30)
        yield from stream(0)

    queue = CreditQueue(lambda queue: False)
    with open_grabber(camera, keep_all=False) as grabber:
        with pytest.raises(HungError):
            run_loop(queue, grabber, began_at=time.monotonic() - 60)
        released.set()
    assert queue.states == ["blocked"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_bug_in_the_grabbers_thread_ends_the_process() -> None:
    def camera() -> FrameStream:
        yield from stream(1)
        raise ZeroDivisionError

    queue = CreditQueue(lambda queue: False, credit=[9])
    with open_grabber(camera) as grabber, pytest.raises(RuntimeError, match="crashed"):
        run_loop(queue, grabber)


def test_state_is_logged_on_a_change_and_sent_on_a_change_and_as_a_heartbeat(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    queue = CreditQueue(lambda queue: False)
    states = StatePublisher(queue, "cam")
    live, absent = (
        CameraStatus(CameraState.LIVE, "gives new frames", 0.0),
        CameraStatus(CameraState.ABSENT, "it is unplugged", 2.0),
    )
    in_use = CameraStatus(CameraState.ABSENT, "another program uses it", 2.0)
    for status, now in ((live, 0.0), (live, 0.1), (live, HEARTBEAT_S), (absent, 0.6), (absent, 0.7), (in_use, 0.8)):
        states.publish(status, now)
    assert queue.states == ["live", "live", "absent", "absent"]
    assert caplog.messages == [
        "live: gives new frames",
        "absent: it is unplugged",
        "absent: another program uses it",
    ]


@pytest.mark.parametrize(("fps", "drawn_hz"), [(0.0, 30), (5.0, 5.0), (60.0, 30)])
def test_demo_camera_draws_no_frame_that_fps_leaves_out(
    fps: float, drawn_hz: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []

    class Demo:
        def __init__(self, seed: int) -> None:
            pass

        def render(self, at_s: float) -> list[NDArray[np.uint8]]:
            drawn.append(at_s)
            return [np.zeros((8, 8, 3), np.uint8)]

    monkeypatch.setattr(sources, "DemoCamera", Demo)
    camera = Camera("demo", SourceKind.DEMO, "demo", CameraOptions(fps=fps))

    def four_ticks(rate_hz: float) -> Iterator[Tick]:
        return (Tick(number, number / rate_hz) for number in range(4))

    frames = list(sources.open_source(camera, every_frame=False, pace=Pace(), schedule=four_ticks))
    assert drawn == pytest.approx([number / drawn_hz for number in range(4)])
    assert [frame.captured_at for frame in frames] == pytest.approx(drawn)


def test_film_is_opened_before_the_first_heartbeat(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on a silence of 2.5 s is a hang; a film on a slow disk, or a slow machine, takes longer."""
    heartbeats: list[None] = []
    at_opening: list[int] = []

    def open_source(*_: object, **__: object) -> FrameStream:
        at_opening.append(len(heartbeats))
        yield from stream(3)

    monkeypatch.setattr("services.capture.__main__.open_source", open_source)
    stop = threading.Event()

    def count_heartbeat() -> None:
        heartbeats.append(None)
        stop.set()

    health = Health(send_heartbeat=count_heartbeat)
    log = logging.getLogger("capture.demo")
    main(ServiceContext(make_settings(CAMERAS="demo"), Stage.CAPTURE, "demo", log, stop, health=health))
    assert (at_opening, len(heartbeats)) == ([0], 1)


def test_demo_camera_runs_as_a_process_and_stops_on_sigterm(make_settings: MakeSettings) -> None:
    with run_capture(make_settings, "auto,demo", "demo") as capture:
        assert capture.wait_for_state("live").camera == "demo"
        frames = [capture.wait_for_frame() for _ in range(31)]
        log = capture.terminate()
    assert simplejpeg.decode_jpeg(frames[0].jpeg).shape == (HEIGHT, WIDTH, 3)
    gaps = [later.captured_at - earlier.captured_at for earlier, later in pairwise(frames)]
    assert min(gaps) > 0
    assert sum(gaps) > 0.9  # 30 frames never take less than about a second
    assert median(gaps) < 0.05  # a busy machine misses some, not most
    assert "Traceback" not in log


def test_folder_under_every_frame_arrives_completely_and_then_ends(make_settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(20):
        cv2.imwrite(str(tmp_path / "photos" / f"{number:02}.png"), np.full((48, 64), 10 * number, np.uint8))
    with run_capture(make_settings, "photos", "photos", EVERY_FRAME="true") as capture:
        brightness = [float(simplejpeg.decode_jpeg(capture.wait_for_frame().jpeg, "GRAY").mean()) for _ in range(20)]
        capture.wait_for_state("ended")
    assert brightness == pytest.approx([10 * number for number in range(20)], abs=1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes, which hang when they are opened")
def test_camera_that_hangs_is_reported_within_2_s_and_does_not_delay_the_exit(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "clip.mp4")
    with run_capture(make_settings, "clip.mp4", "clip") as capture:
        capture.wait_for_state("connecting")
        capture.wait_for_state("blocked", timeout_s=2)
        stopped_at = time.monotonic()
        capture.terminate()
        assert time.monotonic() - stopped_at < 2


def test_wrong_camera_ends_the_process_with_one_sentence(make_settings: MakeSettings) -> None:
    with run_capture(make_settings, "nowhere.mp4", "nowhere") as capture:
        output = capture.process.communicate(timeout=20)[0]
    assert capture.process.returncode == 78
    assert output.count("\n") == 1
    assert "CAMERAS=nowhere.mp4 does not exist" in output


@pytest.mark.parametrize(
    ("state", "connected", "unsent_s", "words"),
    [
        (CameraState.LIVE, True, 0.1, ""),
        (CameraState.ENDED, True, 60.0, ""),
        (CameraState.ABSENT, True, 0.1, "absent: it is unplugged"),
        (CameraState.CONNECTING, True, 0.1, "connecting"),
        (CameraState.LIVE, False, 0.1, "queue does not answer"),
        (CameraState.LIVE, True, STALLED_AFTER_S + 1, "no frame for 3 s"),
    ],
)
def test_capture_is_ready_while_its_frames_flow(
    state: CameraState, connected: bool, unsent_s: float, words: str
) -> None:
    problem = find_problem(CameraStatus(state, "it is unplugged", 0.0), connected, unsent_s)
    assert words in problem.message if problem else not words
