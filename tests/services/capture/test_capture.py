"""Capture: sends what the queue has credit for, says how its camera is, and leaves when the driver hangs."""

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
from prometheus_client import REGISTRY

from services.capture.__main__ import STILL_AFTER_S, HungError, find_trouble, run
from services.capture.grabber import FrameGrabber
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.options import CameraOptions
from shared.cameras.publisher import HEARTBEAT_S, StatePublisher
from shared.cameras.shot import AbsentError, Shot, Shots
from shared.cameras.watchdog import CameraStatus, CameraWatchdog
from shared.demo import HEIGHT, WIDTH
from shared.messaging.messages import CameraState, Credit, Frame, Message
from shared.telemetry.health import Health
from tests.conftest import MakeSettings
from tests.services.capture.capturing import capturing

AHEAD_S = 1000.0  # of the queue's clock


@dataclass
class FakeQueue:
    """Hears all, gives the credit that is listed, and stops the loop once that is used up and enough was heard."""

    stop: threading.Event
    enough: Callable[["FakeQueue"], bool]
    credit: list[int] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    away: int = 0  # so many frames cannot be sent
    idle_turns: int = 0  # since something was sent
    connected: bool = True

    def send(self, *messages: Message) -> bool:
        if self.away and any(isinstance(message, Frame) for message in messages):
            self.away -= 1
            return False
        self.sent += messages
        self.idle_turns = 0
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        self.idle_turns += 1
        if not self.credit and self.enough(self):
            self.stop.set()
        return [Credit("cam", self.credit.pop(0))] if self.credit else []

    def now(self) -> float:
        return time.monotonic() + AHEAD_S

    @property
    def frames(self) -> list[Frame]:
        return [message for message in self.sent if isinstance(message, Frame)]

    @property
    def states(self) -> list[str]:
        return [message.state for message in self.sent if isinstance(message, CameraState)]


def shots(count: int) -> Shots:
    for number in range(count):
        yield Shot(bytes([number]), time.monotonic())


@contextmanager
def reading(open_source: Callable[[], Shots], keep_all: bool = True) -> Iterator[FrameGrabber]:
    reader = FrameGrabber(open_source, keep_all, lambda: None)
    yield reader
    assert reader.close(5)


def run_with(queue: FakeQueue, reader: FrameGrabber, began_at: float | None = None) -> None:
    watch = CameraWatchdog(
        time.monotonic() if began_at is None else began_at, can_block=not reader.keep_all, can_freeze=False
    )
    run(queue, Camera("cam", SourceKind.DEMO, "demo", CameraOptions(2.0, 0.5)), reader, watch, queue.stop, Health())


def test_frames_are_sent_as_far_as_credit_goes_and_no_further() -> None:
    queue = FakeQueue(threading.Event(), lambda queue: queue.idle_turns > 20, credit=[0, 0, 5])
    with reading(lambda: shots(50)) as reader:
        run_with(queue, reader)
    assert [frame.jpeg for frame in queue.frames] == [bytes([number]) for number in range(5)]
    assert {(frame.weight, frame.max_age_s) for frame in queue.frames} == {(2.0, 0.5)}


def test_a_camera_that_has_no_credit_still_says_how_it_is() -> None:
    queue = FakeQueue(threading.Event(), lambda queue: "live" in queue.states)
    with reading(lambda: shots(50)) as reader:
        run_with(queue, reader)
    assert queue.states[-1] == "live"
    assert queue.frames == []


def test_sequence_numbers_grow_also_when_the_process_is_started_again() -> None:
    seen = []
    for _ in range(2):
        queue = FakeQueue(threading.Event(), lambda queue: len(queue.frames) == 3, credit=[3])
        with reading(lambda: shots(3)) as reader:
            run_with(queue, reader)
        seen += [frame.seq for frame in queue.frames]
    assert seen == sorted(set(seen))


def test_capture_time_is_by_the_queues_clock() -> None:
    before = time.monotonic()
    queue = FakeQueue(threading.Event(), lambda queue: len(queue.frames) == 1, credit=[1])
    with reading(lambda: shots(1)) as reader:
        run_with(queue, reader)
    assert before <= queue.frames[0].captured_at - AHEAD_S <= time.monotonic()


def test_under_every_frame_what_the_queue_could_not_take_is_sent_again() -> None:
    queue = FakeQueue(threading.Event(), lambda queue: len(queue.frames) == 3, credit=[3, 3, 3], away=2)
    with reading(lambda: shots(3)) as reader:
        run_with(queue, reader)
    assert [frame.jpeg for frame in queue.frames] == [bytes([0]), bytes([1]), bytes([2])]
    assert all(frame.every_frame for frame in queue.frames)


def test_a_live_shot_that_the_queue_could_not_take_is_dropped_and_counted() -> None:
    labels = {"camera": "cam", "stage": "capture", "reason": "no queue"}
    before = REGISTRY.get_sample_value("digitcam_drops_total", labels) or 0
    queue = FakeQueue(threading.Event(), lambda queue: not queue.away, credit=[1], away=1)
    with reading(lambda: shots(1), keep_all=False) as reader:
        run_with(queue, reader)
    assert queue.frames == []
    assert REGISTRY.get_sample_value("digitcam_drops_total", labels) == before + 1


def test_a_lost_camera_is_reported_with_the_reason_and_counted_when_opened_again() -> None:
    def camera() -> Shots:
        raise AbsentError("it is unplugged")
        yield

    before = REGISTRY.get_sample_value("digitcam_camera_reconnects_total", {"camera": "cam"}) or 0
    queue = FakeQueue(threading.Event(), lambda queue: reconnects() >= before + 2)

    def reconnects() -> float:
        return REGISTRY.get_sample_value("digitcam_camera_reconnects_total", {"camera": "cam"}) or 0

    with reading(camera, keep_all=False) as reader:
        run_with(queue, reader)
    assert set(queue.states) <= {"connecting", "absent"}
    assert queue.sent[-1] == CameraState("cam", "absent", "it is unplugged", queue.sent[-1].since)  # type: ignore[union-attr]


def test_a_driver_that_hangs_is_reported_before_the_process_gives_up() -> None:
    let_go = threading.Event()

    def camera() -> Shots:
        let_go.wait(30)
        yield from shots(0)

    queue = FakeQueue(threading.Event(), lambda queue: False)
    with reading(camera, keep_all=False) as reader:
        with pytest.raises(HungError):
            run_with(queue, reader, began_at=time.monotonic() - 60)
        let_go.set()
    assert queue.states == ["blocked"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_readers_thread_ends_the_process_so_that_it_is_started_again() -> None:
    def camera() -> Shots:
        yield from shots(1)
        raise ZeroDivisionError

    queue = FakeQueue(threading.Event(), lambda queue: False, credit=[9])
    with reading(camera) as reader, pytest.raises(RuntimeError, match="crashed"):
        run_with(queue, reader)


def test_a_state_is_told_and_logged_when_it_or_its_reason_changes_and_told_again_as_a_heartbeat(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    queue = FakeQueue(threading.Event(), lambda queue: False)
    herald = StatePublisher(queue, "cam")
    live, absent = CameraStatus("live", "gives new pictures", 0.0), CameraStatus("absent", "it is unplugged", 2.0)
    used = CameraStatus("absent", "another program uses it", 2.0)
    for judgement, now in ((live, 0.0), (live, 0.1), (live, HEARTBEAT_S), (absent, 0.6), (absent, 0.7), (used, 0.8)):
        herald.tell(judgement, now)
    assert queue.states == ["live", "live", "absent", "absent"]
    assert caplog.messages == [
        "live: gives new pictures",
        "absent: it is unplugged",
        "absent: another program uses it",
    ]


def test_the_demo_camera_runs_as_a_process_of_its_own_and_ends_when_told(make_settings: MakeSettings) -> None:
    with capturing(make_settings, "auto,demo", "demo") as capture:
        assert capture.state("live").camera == "demo"
        frames = [capture.frame() for _ in range(31)]
        log = capture.log()
    assert simplejpeg.decode_jpeg(frames[0].jpeg).shape == (HEIGHT, WIDTH, 3)
    gaps = [later.captured_at - earlier.captured_at for earlier, later in pairwise(frames)]
    assert min(gaps) > 0
    assert sum(gaps) > 0.9  # 30 pictures are never faster than a second
    assert median(gaps) < 0.05  # a busy machine misses some, not most
    assert "Traceback" not in log


def test_a_folder_under_every_frame_arrives_completely_and_then_the_camera_has_ended(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(20):
        cv2.imwrite(str(tmp_path / "photos" / f"{number:02}.png"), np.full((48, 64), 10 * number, np.uint8))
    with capturing(make_settings, "photos", "photos", EVERY_FRAME="true") as capture:
        brightness = [float(simplejpeg.decode_jpeg(capture.frame().jpeg, "GRAY").mean()) for _ in range(20)]
        capture.state("ended")
    assert brightness == pytest.approx([10 * number for number in range(20)], abs=1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes, whose reader hangs")
def test_a_camera_that_hangs_is_reported_within_2_s_and_does_not_keep_the_process_from_ending(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "clip.mp4")
    with capturing(make_settings, "clip.mp4", "clip") as capture:
        capture.state("connecting")
        capture.state("blocked", seconds=2)
        told_at = time.monotonic()
        capture.log()
        assert time.monotonic() - told_at < 2


def test_a_wrong_camera_ends_the_process_with_one_sentence(make_settings: MakeSettings) -> None:
    with capturing(make_settings, "nowhere.mp4", "nowhere") as capture:
        output = capture.process.communicate(timeout=20)[0]
    assert capture.process.returncode == 78
    assert output.count("\n") == 1
    assert "CAMERAS=nowhere.mp4 does not exist" in output


@pytest.mark.parametrize(
    ("state", "connected", "still_s", "words"),
    [
        ("live", True, 0.1, ""),
        ("ended", True, 60.0, ""),
        ("absent", True, 0.1, "absent: it is unplugged"),
        ("connecting", True, 0.1, "connecting"),
        ("live", False, 0.1, "queue does not answer"),
        ("live", True, STILL_AFTER_S + 1, "no frame for 3 s"),
    ],
)
def test_capture_is_ready_while_its_frames_flow(state: str, connected: bool, still_s: float, words: str) -> None:
    trouble = find_trouble(CameraStatus(state, "it is unplugged", 0.0), connected, still_s)
    assert (words in trouble, trouble == "") == (True, words == "")
