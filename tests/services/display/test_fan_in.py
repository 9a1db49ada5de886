"""A display of several cells, with real queues on this machine: whose camera is whose, and what happens without one."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.display.__main__ import CREDIT
from services.display.fan_in import FanIn, connect_cells, settings_of
from services.queue.broker import Broker
from shared.messaging.messages import CameraReport, Frame, Message, Ping, Recorded, Selection, View
from shared.messaging.sockets import BrokerSocket, ClientSocket
from shared.messaging.subscription import EVERYTHING
from shared.pipeline import CameraState
from shared.settings import Cell, Settings, load_settings
from shared.telemetry.health import NotReady
from tests.pipeline.pipeline import wait_for

SILENT_S = 0.4


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what takes seconds on a real network take tenths of them."""
    monkeypatch.setattr("shared.messaging.sockets.SILENT_AFTER_S", SILENT_S)
    monkeypatch.setattr("services.display.fan_in.SILENT_AFTER_S", SILENT_S)
    monkeypatch.setattr("shared.messaging.sockets.PING_INTERVAL_S", SILENT_S / 4)
    monkeypatch.setattr("shared.messaging.subscription.HEARTBEAT_S", SILENT_S / 4)
    monkeypatch.setattr("services.queue.broker.REPEAT_REPORTS_S", 0.1)
    monkeypatch.setattr("services.display.fan_in.FORGET_AFTER_S", 0.5)


class RealCell:
    """A real queue at an address, and a process that speaks for its cameras."""

    def __init__(self, folder: Path, name: str, clock_s: float = 0.0) -> None:
        """clock_s: how far the clock of its host is ahead."""
        self.name, self._clock_s = name, clock_s
        self.settings = load_settings({"QUEUE": f"ipc://{folder}/{name}"}, folder / ".env")
        self.recorded: list[Message] = []
        self._capture = ClientSocket(self.settings)
        self._seq = 0
        self.start()

    @property
    def address(self) -> str:
        return self.settings.queue

    def start(self) -> None:
        self._stop = threading.Event()
        self._socket = BrokerSocket(self.settings)
        self._socket.now = lambda: time.monotonic() + self._clock_s  # type: ignore[method-assign]
        broker = Broker(self._socket, max_age_s=60.0)
        self._thread = threading.Thread(target=self._run, args=(broker,), daemon=True)
        self._thread.start()

    def _run(self, broker: Broker) -> None:
        while not self._stop.is_set():
            broker.run_once(0.01)

    def vanish(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def report(self, camera: str, state: CameraState = CameraState.LIVE, detail: str = "") -> None:
        """Send the state of a camera; waits for the queue, whose clock it then knows."""
        wait_for(lambda: self._capture.send(Ping(time.monotonic())) and self._hear())
        wait_for(lambda: self._capture.send(self._make_report(camera, state, detail)))
        self._hear()

    def _make_report(self, camera: str, state: CameraState, detail: str) -> CameraReport:
        return CameraReport(camera=camera, state=state, detail=detail, began_at=self._capture.now())

    def show(self, camera: str, jpeg: bytes) -> None:
        """Send a frame. Without a worker it ends when the next one replaces it."""
        self._hear()
        self._seq += 1
        at = self._capture.now()
        frame = Frame(camera=camera, seq=self._seq, captured_at=at, every_frame=False, jpeg=jpeg)
        wait_for(lambda: self._capture.send(frame))

    def _hear(self) -> bool:
        """Learn the queue's clock, and what is for the cameras; return whether the queue answers."""
        self.recorded += [one for one in self._capture.receive(0.05) if isinstance(one, Recorded)]
        return self._capture.connected

    def close(self) -> None:
        self._capture.close()
        self.vanish()


MakeCell = Callable[..., RealCell]


@pytest.fixture
def make_cell(tmp_path: Path) -> Iterator[MakeCell]:
    with ExitStack() as stack:
        yield lambda name, **more: stack.enter_context(closing(RealCell(tmp_path, name, **more)))


class Watcher:
    """A display's end of several cells."""

    def __init__(self, queues: FanIn) -> None:
        self.queues = queues
        self.views: list[View] = []
        self.states: dict[str, CameraReport] = {}
        self.changes: list[tuple[str, CameraState]] = []

    def turn(self, selection: Selection = EVERYTHING) -> None:
        for message in self.queues.receive(0.02, selection):
            if isinstance(message, View):
                self.views.append(message)
            elif isinstance(message, CameraReport):
                self.states[message.camera] = message
                self.changes.append((message.camera, message.state))

    def until(self, is_true: Callable[[], object], selection: Selection = EVERYTHING) -> None:
        def turned() -> bool:
            self.turn(selection)
            return bool(is_true())

        wait_for(turned)

    def sees(self, **states: CameraState) -> None:
        """Watch until cameras (hall_door for hall/door) have these states."""
        wanted = {name.replace("_", "/"): state for name, state in states.items()}
        self.until(lambda: {name: one.state for name, one in self.states.items()} == wanted)


Watch = Callable[..., Watcher]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with ExitStack() as stack:

        def open_watcher(*cells: RealCell | Cell) -> Watcher:
            given = ",".join(f"{cell.name}={cell.address}" for cell in cells)
            settings = load_settings({"CELLS": given, "RUN_DIR": str(tmp_path)}, tmp_path / ".env")
            return Watcher(stack.enter_context(connect_cells(settings, "display.1", CREDIT)))

        yield open_watcher


def test_two_cells_that_name_one_camera_are_not_mixed_up(make_cell: MakeCell, watch: Watch) -> None:
    hall, yard = make_cell("hall"), make_cell("yard")
    watcher = watch(hall, yard)
    hall.report("door")
    yard.report("door", CameraState.FROZEN, "it stands still")
    watcher.sees(hall_door=CameraState.LIVE, yard_door=CameraState.FROZEN)
    for number in range(4):
        hall.show("door", b"hall %d" % number)
        yard.show("door", b"yard %d" % number)
        watcher.turn()
    watcher.until(lambda: {view.camera for view in watcher.views} == {"hall/door", "yard/door"})
    assert {(view.camera, view.jpeg[:4]) for view in watcher.views} == {("hall/door", b"hall"), ("yard/door", b"yard")}


def test_ages_are_true_though_the_clocks_of_the_cells_differ(make_cell: MakeCell, watch: Watch) -> None:
    cells = [make_cell("hall", clock_s=5.0), make_cell("yard", clock_s=100_000.0)]
    watcher = watch(*cells)
    for cell in cells:
        cell.report("door")
    watcher.sees(hall_door=CameraState.LIVE, yard_door=CameraState.LIVE)
    began_at = time.monotonic()
    for cell in cells * 2:
        cell.show("door", b"jpeg")
    watcher.until(lambda: len(watcher.views) == 2)
    for at in [view.captured_at for view in watcher.views]:
        assert began_at - 0.05 <= at <= time.monotonic() + 0.05
    assert all(abs(time.monotonic() - report.began_at) < 5 for report in watcher.states.values())


def test_cameras_of_a_cell_that_is_gone_are_unreachable_since_then_and_come_back(
    make_cell: MakeCell, watch: Watch
) -> None:
    hall, yard = make_cell("hall"), make_cell("yard")
    watcher = watch(hall, yard)
    hall.report("door")
    yard.report("gate", CameraState.ABSENT, "no cable")
    watcher.sees(hall_door=CameraState.LIVE, yard_gate=CameraState.ABSENT)
    gone_at = time.monotonic()
    yard.vanish()
    watcher.sees(hall_door=CameraState.LIVE, yard_gate=CameraState.UNREACHABLE)
    lost = watcher.states["yard/gate"]
    assert gone_at <= lost.began_at <= time.monotonic()
    assert lost.detail == "the cell yard does not answer"
    assert watcher.queues.describe() == "cells that answer: hall; cells that do not answer: yard"
    assert not watcher.queues.find_problem()
    assert REGISTRY.get_sample_value("digitcam_cell_up", {"cell": "yard"}) == 0
    yard.start()
    watcher.sees(hall_door=CameraState.LIVE, yard_gate=CameraState.ABSENT)
    assert watcher.states["yard/gate"].detail == "no cable"
    assert REGISTRY.get_sample_value("digitcam_cell_up", {"cell": "yard"}) == 1


def test_camera_that_the_queue_no_longer_knows_has_left(make_cell: MakeCell, watch: Watch) -> None:
    hall, yard = make_cell("hall"), make_cell("yard")
    watcher = watch(hall, yard)
    yard.report("gate", CameraState.ABSENT)
    yard.report("door")
    watcher.sees(yard_gate=CameraState.ABSENT, yard_door=CameraState.LIVE)
    yard.vanish()
    watcher.sees(yard_gate=CameraState.UNREACHABLE, yard_door=CameraState.UNREACHABLE)
    yard.start()
    yard.report("door")
    watcher.sees(yard_gate=CameraState.LEFT, yard_door=CameraState.LIVE)


def test_repeated_report_is_no_news(make_cell: MakeCell, watch: Watch) -> None:
    hall, yard = make_cell("hall"), make_cell("yard")
    watcher = watch(hall, yard)
    hall.report("door")
    watcher.sees(hall_door=CameraState.LIVE)
    ends_at = time.monotonic() + 0.5  # the queue repeats five times, and forgets nobody
    watcher.until(lambda: time.monotonic() > ends_at)
    assert watcher.changes == [("hall/door", CameraState.LIVE)]


def test_address_that_does_not_answer_is_one_sentence(
    make_cell: MakeCell, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watcher = watch(make_cell("hall"), Cell("yard", "tcp://127.0.0.1:9"))
    watcher.until(lambda: caplog.records)
    watcher.until(lambda: watcher.queues.connected)
    ends_at = time.monotonic() + 2 * SILENT_S
    watcher.until(lambda: time.monotonic() > ends_at)
    assert caplog.messages == ["the cell yard does not answer at tcp://127.0.0.1:9: start it, or correct CELLS"]


def test_display_without_any_cell_is_not_ready(watch: Watch) -> None:
    watcher = watch(Cell("hall", "tcp://127.0.0.1:9"), Cell("yard", "tcp://127.0.0.1:13"))
    watcher.turn()
    problem = watcher.queues.find_problem()
    assert problem
    assert (problem.reason, problem.message) == (NotReady.CELLS_SILENT, "none of these cells answers: hall, yard")


def test_only_the_selected_camera_comes_with_pictures(make_cell: MakeCell, watch: Watch) -> None:
    cells = [make_cell("hall"), make_cell("yard")]
    watcher = watch(*cells)
    selected = Selection(pictures=("yard/door",), cameras=(), interval_s=60.0)
    for cell in cells:
        cell.report("door")
    watcher.until(lambda: len(watcher.states) == 2, selected)
    for number in range(6):
        for cell in cells:
            cell.show("door", b"jpeg %d" % number)
        watcher.turn(selected)
    watcher.until(lambda: len([view for view in watcher.views if view.camera == "yard/door"]) == 5, selected)
    assert [view.jpeg for view in watcher.views if view.camera == "hall/door"] == [b""]


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", ""])
def test_name_that_a_browser_made_up_keeps_no_camera_away(make_cell: MakeCell, watch: Watch, name: str) -> None:
    """The queue refuses a message with such a name, and with it the display's request for views."""
    hall = make_cell("hall")
    watcher = watch(hall)
    hall.report("door")
    selected = Selection(pictures=(f"hall/{name}", "hall/door"), cameras=(name,), interval_s=60.0)
    watcher.until(lambda: watcher.states, selected)
    for _ in range(2):
        hall.show("door", b"jpeg")
    watcher.until(lambda: [view.jpeg for view in watcher.views] == [b"jpeg"], selected)


def test_record_of_a_file_is_told_to_its_own_cell_under_its_own_name(make_cell: MakeCell, watch: Watch) -> None:
    hall, yard = make_cell("hall"), make_cell("yard")
    watcher = watch(hall, yard)
    for cell in (hall, yard):
        cell.report("film")
    watcher.sees(hall_film=CameraState.LIVE, yard_film=CameraState.LIVE)
    assert watcher.queues.send(Recorded("yard/film", "0123456789abcdef", (7,)))
    for cell in (yard, hall):
        cell.report("film")
    assert yard.recorded == [Recorded("film", "0123456789abcdef", (7,))]
    assert hall.recorded == []


def test_cell_with_a_key_of_its_own_has_a_folder_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "hall").mkdir()
    settings = load_settings(
        {"CELLS": "hall=tcp://hall:5750,yard=tcp://yard:5750", "QUEUE_KEY": str(tmp_path)}, tmp_path / ".env"
    )
    found: list[Settings] = [settings_of(cell, settings) for cell in settings.cells]
    assert [(one.queue, one.queue_key) for one in found] == [
        ("tcp://hall:5750", str(tmp_path / "hall")),
        ("tcp://yard:5750", str(tmp_path)),
    ]
