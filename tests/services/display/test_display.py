"""The display's loop: requests views, smooths readings and measures ages."""

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.display.__main__ import CREDIT, STILL_AFTER_S, FrameFlowMonitor, make_updates, run
from services.display.display_state import CameraDisplay, DisplayFrame
from services.display.fan_in import CellStatus
from services.display.file_recorder import FileRecorder
from shared.file_reading.frame_records import FrameRecords
from shared.messaging.messages import CameraReport, FilePosition, Message, Ready, Recorded, Selection, View
from shared.messaging.sockets import HEARTBEAT_S, QueueLink
from shared.pipeline import CameraState, Outcome
from shared.telemetry.health import Health
from tests.services.feed import Feed, one_queue, view_of
from tests.shared.vision.reading import digit_of

ROOT = Path(__file__).parents[3]


class Recorder:
    """A screen that records its updates and closes after some frames."""

    turned_at = math.inf

    def __init__(self, closes_after: int) -> None:
        self.wants_pictures = True
        self.shown: list[DisplayFrame] = []
        self.states: list[CameraReport] = []
        self.was_up: list[bool] = []
        self.announced = 0
        self._closes_after = closes_after

    @property
    def selection(self) -> Selection:
        return Selection(pictures=None if self.wants_pictures else ())

    @property
    def shows_readings(self) -> bool:
        return self.wants_pictures

    @property
    def is_open(self) -> bool:
        return len(self.shown) < self._closes_after

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        self.shown += [item for item in updates if isinstance(item, DisplayFrame)]
        self.states += [item for item in updates if isinstance(item, CameraReport)]
        self.was_up.append(cells[0].is_up)

    def announce_records(self) -> None:
        self.announced += 1

    def close(self) -> None:
        pass


class Script:
    """A queue that returns prepared batches, a tenth of a second apart, and then stops the loop."""

    connected = True

    def __init__(self, stop: threading.Event, batches: list[list[Message]]) -> None:
        self.sent: list[Message] = []
        self.at = 100.0
        self._stop, self._batches = stop, batches

    def now(self) -> float:
        return self.at

    def send(self, *messages: Message) -> bool:
        self.sent += messages
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        if not timeout_s:
            return []
        self.at += 0.1
        if not self._batches:
            self._stop.set()
            return []
        return self._batches.pop(0)


def no_files(queue: QueueLink) -> FileRecorder:
    """Return a recorder for cameras that are no files: it never opens its own."""
    return FileRecorder(queue, FrameRecords(Path("nowhere")))


def play(batches: list[list[Message]], screen: Recorder) -> list[Message]:
    stop = threading.Event()
    script = Script(stop, batches)
    run(one_queue(script), screen, stop, Health(), no_files(script))
    return script.sent


def test_smoothed_digits_and_their_number_reach_the_screen() -> None:
    screen = Recorder(closes_after=10)
    feed = Feed("demo")
    run(one_queue(feed), screen, threading.Event(), Health(), no_files(feed))
    assert [number.text for number in screen.shown[-1].numbers] == ["30"]  # on the first sheet of the demo camera
    assert screen.shown[-1].jpeg.startswith(b"\xff\xd8")
    assert screen.states[0].camera == "demo"
    assert all(screen.was_up)


def test_that_a_camera_left_is_the_last_that_is_shown_of_it() -> None:
    """A frame that is shown after it would stay on the screen, and in memory, for as long as the display runs."""
    left = CameraReport(camera="demo", state=CameraState.LEFT, detail="", began_at=100.0)
    displays: dict[str, CameraDisplay] = {}
    frame, *rest = make_updates([view_of("demo", 1, at=100.0), left], displays, shows_readings=True)
    assert isinstance(frame, DisplayFrame)
    assert rest == [left]
    assert not displays


class BusyQueue(Script):
    """A queue that sends a view 30 times a second while there is credit; the newest wins. Reading takes no time."""

    def __init__(self, stop: threading.Event, until: float) -> None:
        super().__init__(stop, [])
        self._until, self._credit, self._seq = until, 0, 0
        self._arrived: deque[View] = deque()

    def send(self, *messages: Message) -> bool:
        self._pass(0.0)
        self._credit = next((message.credit for message in messages if isinstance(message, Ready)), self._credit)
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        self._pass(0.0 if self._arrived else timeout_s)
        return [self._arrived.popleft()] if self._arrived else []

    def _pass(self, seconds: float) -> None:
        self.at += seconds
        while self._seq < (self.at - 100.0) * 30:
            self._seq += 1
            if self._credit:
                self._credit -= 1
                self._arrived.append(replace(view_of("demo", self._seq, 100.0 + self._seq / 30), jpeg=b""))
        if self.at > self._until:
            self._stop.set()


class SlowScreen(Recorder):
    """A screen that takes a tenth of a second to draw, and records how old the newest frame was before."""

    def __init__(self, queue: BusyQueue) -> None:
        super().__init__(closes_after=10_000)
        self.ages: list[float] = []
        self._queue = queue

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        super().update(updates, cells)
        if self.shown:
            self.ages.append(self._queue.at - self.shown[-1].captured_at)
        self._queue.at += 0.1


def test_screen_that_draws_slowly_shows_the_newest_frame() -> None:
    stop = threading.Event()
    queue = BusyQueue(stop, until=110.0)
    screen = SlowScreen(queue)
    run(one_queue(queue), screen, stop, Health(), no_files(queue))
    assert len(screen.ages) > 50
    assert max(screen.ages) < 0.1


def test_credit_is_renewed_before_it_is_used_up() -> None:
    views: list[list[Message]] = [[view_of("demo", i, 100 + i / 10)] for i in range(2 * CREDIT)]
    assert sum(isinstance(m, Ready) and m.credit == CREDIT for m in play(views, Recorder(100))) >= 3


def test_display_sends_heartbeats_when_the_queues_clock_jumps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The queue's clock, on another host, is known only from its first answer on."""
    stop = threading.Event()
    script = Script(stop, [[] for _ in range(30)])  # 3 s
    monkeypatch.setattr(script, "now", lambda: 5000.0 if script.at < 100.5 else 0.0)
    run(one_queue(script, lambda: script.at), Recorder(100), stop, Health(), no_files(script))
    assert len(script.sent) >= 3 / HEARTBEAT_S - 1


def test_pictures_are_requested_only_while_the_screen_wants_them() -> None:
    screen = Recorder(100)
    screen.wants_pictures = False
    assert {m.with_jpeg for m in play([[]] * 10, screen) if isinstance(m, Ready)} == {False}
    screen.wants_pictures = True
    assert {m.with_jpeg for m in play([[]] * 10, screen) if isinstance(m, Ready)} == {True}


def test_nothing_is_smoothed_while_the_screen_wants_no_frames() -> None:
    screen = Recorder(100)
    screen.wants_pictures = False
    play([[view_of("demo", 1, 100.0)]], screen)
    assert screen.shown == []


def test_every_frame_of_a_file_is_recorded_whatever_the_screen_shows(tmp_path: Path) -> None:
    screen, stop = Recorder(100), threading.Event()
    screen.wants_pictures = False
    films = [replace(view_of("film", i, 100.0), position=FilePosition("0123456789abcdef", i)) for i in range(3)]
    script = Script(stop, [[films[0], view_of("demo", 1, 100.0)], [films[1], films[0]], [films[2]]])
    records = FrameRecords(tmp_path)
    run(one_queue(script), screen, stop, Health(), FileRecorder(script, records))
    assert [found.position.index for found in records.find_after("", None, 10)] == [0, 1, 2]
    assert [message.indices for message in script.sent if isinstance(message, Recorded)] == [(0,), (1, 0), (2,)]
    assert screen.announced == 3


def test_age_at_display_is_exported_by_camera() -> None:
    def total() -> float:
        return REGISTRY.get_sample_value("digitcam_age_seconds_sum", {"camera": "aged", "stage": "display"}) or 0.0

    before = total()
    play([[view_of("aged", 1, 100.0)]], Recorder(100))  # the script's clock then says 100.1
    assert total() - before == pytest.approx(0.1)


def test_dropped_frame_is_shown_with_the_tracked_digits() -> None:
    display = CameraDisplay()
    seen = display.make_frame(
        View(
            camera="demo",
            seq=1,
            captured_at=10.0,
            outcome=Outcome.READ,
            width=640,
            height=480,
            digits=(digit_of(7),),
            jpeg=b"one",
        )
    )
    shown = display.make_frame(
        View(camera="demo", seq=2, captured_at=10.1, outcome=Outcome.STALE, width=0, height=0, digits=(), jpeg=b"two")
    )
    assert (shown.jpeg, shown.outcome, shown.width, shown.height) == (b"two", "stale", 640, 480)
    assert shown.numbers == seen.numbers != ()


def test_rates_count_all_frames_and_those_read() -> None:
    display = CameraDisplay()
    for i in range(90):
        shown = display.make_frame(
            replace(view_of("demo", i, i / 30), outcome=Outcome.READ if i % 2 else Outcome.REPLACED)
        )
    assert shown.fps == pytest.approx(30, rel=0.02)
    assert shown.readings_per_s == pytest.approx(15, rel=0.05)


def start_display(run_dir: Path, **settings: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    environment |= {"RUN_DIR": str(run_dir), "PYTHONPATH": str(ROOT), **settings}
    return subprocess.Popen(
        [sys.executable, "-m", "services.display"], env=environment, cwd=run_dir, stderr=subprocess.PIPE, text=True
    )


def test_taken_port_ends_the_display_with_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start_display(tmp_path, WEB_PORT=port)
        output = process.communicate(timeout=20)[1]
    assert process.returncode > 0
    assert output.count("\n") == 1
    assert f"WEB_PORT={port} is taken" in output


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a desktop")
def test_missing_desktop_ends_the_display_with_one_sentence(tmp_path: Path) -> None:
    process = start_display(tmp_path, DISPLAY_MODE="window")
    output = process.communicate(timeout=20)[1]
    assert process.returncode > 0
    assert output.count("\n") == 1
    assert "DISPLAY_MODE=window needs a desktop" in output


@pytest.mark.parametrize("mode", ["web", "none"])
def test_display_without_a_queue_waits_and_ends_on_sigterm(tmp_path: Path, mode: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = start_display(tmp_path, DISPLAY_MODE=mode, WEB_PORT=port)
    assert process.stderr
    assert "ready" in process.stderr.readline()
    told_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=20)[1]
    assert (process.returncode, output) == (0, "")
    assert time.monotonic() - told_at < 1.5


LIVE, ABSENT = (
    CameraReport(camera="cam", state=CameraState.LIVE, detail="", began_at=0.0),
    CameraReport(camera="cam", state=CameraState.ABSENT, detail="", began_at=0.0),
)


@pytest.mark.parametrize(
    ("first", "then", "is_still"),
    [
        ([], [], False),
        ([LIVE], [], True),
        ([LIVE], [view_of("cam", 1, 0.0)], False),
        ([LIVE], [ABSENT], False),
    ],
)
def test_display_is_ready_unless_a_live_camera_sends_no_frames(
    first: list[Message], then: list[Message], is_still: bool
) -> None:
    monitor = FrameFlowMonitor(0.0)
    assert not monitor.find_problem(first, 1.0)
    assert bool(monitor.find_problem(then, 1.0 + STILL_AFTER_S + 0.1)) == is_still
