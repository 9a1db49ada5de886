"""A fake queue for tests of the display: demo cameras whose frames are read without an error."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import simplejpeg

from services.display.__main__ import CREDIT
from services.display.fan_in import CellConnection, CellStatus, FanIn
from services.queue.broker import REPEAT_REPORTS_S
from shared.demo.camera import DemoCamera
from shared.messaging.messages import CameraReport, Message, Ready, Selection, View
from shared.messaging.sockets import QueueLink
from shared.pipeline import CameraState, Outcome
from shared.settings import Cell
from tests.shared.vision.reading import digit_of

UP, DOWN = ((CellStatus("", is_up=is_up, since=0.0),) for is_up in (True, False))
FPS = 30
SHEETS = 4  # so that many cameras do not take long to draw
FRAMES = 45  # 1.5 s, repeated
FIRST_S = 1.0  # the demo's sheet of paper is in place


@cache
def pictures(seed: int) -> list[tuple[bytes, tuple[tuple[int, tuple[float, float, float, float]], ...]]]:
    """Return JPEGs of the demo camera, each with its digits."""
    demo = DemoCamera(seed)
    rendered = [demo.render(FIRST_S + i / FPS) for i in range(FRAMES)]
    return [(simplejpeg.encode_jpeg(picture, 85, "BGR", "420"), truth) for picture, truth in rendered]


def view_of(camera: str, seq: int, at: float, seed: int = 0) -> View:
    """Return a view of a frame that was read without an error."""
    jpeg, truth = pictures(seed)[seq % FRAMES]
    digits = tuple(digit_of(digit, box, 0.97) for digit, box in truth)
    return View(
        camera=camera, seq=seq, captured_at=at, outcome=Outcome.READ, width=640, height=480, digits=digits, jpeg=jpeg
    )


def one_queue(queue: QueueLink, clock: Callable[[], float] = time.monotonic) -> FanIn:
    """Return what a display has of one queue, without CELLS."""
    return FanIn([CellConnection(Cell("", "auto"), queue, "display.1", CREDIT, clock)])


@dataclass
class FeedCamera:
    """A camera of the feed."""

    seed: int
    report: CameraReport
    due_at: float
    seq: int = 0


class Feed:
    """Sends views at 30 frames/s for each camera, as the queue would: the newest wins, and JPEGs are on request."""

    def __init__(self, *cameras: str, age_s: float = 0.02) -> None:
        now = self.now()
        self.connected = True
        self.age_s = age_s
        self.asked: list[Ready] = []
        self.selection = Selection()
        self._repeated_at = now
        self._news: deque[Message] = deque()
        self._cameras = {
            name: FeedCamera(
                i % SHEETS, CameraReport(camera=name, state=CameraState.LIVE, detail="", began_at=now), now
            )
            for i, name in enumerate(cameras)
        }
        for name in cameras:
            self.set_state(name, CameraState.LIVE, "")
        self._lock = threading.Lock()

    def set_state(self, camera: str, state: CameraState, detail: str) -> None:
        """Set and send the state of a camera."""
        known = self._cameras[camera]
        known.report = CameraReport(camera=camera, state=state, detail=detail, began_at=self.now())
        self._news.append(known.report)

    def show_sheet(self, camera: str, seed: int) -> None:
        """Put another sheet of paper in front of a camera."""
        pictures(seed)  # drawn first, which takes a second
        self._cameras[camera].seed = seed

    def now(self) -> float:
        return time.monotonic()

    def send(self, *messages: Message) -> bool:
        self.asked += [message for message in messages if isinstance(message, Ready)]
        self.selection = next((one for one in messages if isinstance(one, Selection)), self.selection)
        return self.connected

    def receive(self, timeout_s: float) -> list[Message]:
        end = self.now() + timeout_s
        while not (batch := self._batch()) and self.now() < end:
            time.sleep(0.002)
        return batch

    def _batch(self) -> list[Message]:
        if not self.connected:
            return []
        if self.now() - self._repeated_at > REPEAT_REPORTS_S:
            self._repeated_at = self.now()
            self._news += [camera.report for camera in self._cameras.values()]
        batch = [self._news.popleft() for _ in range(len(self._news))]
        return batch + [self._view(name, camera) for name, camera in self._cameras.items() if self._is_due(camera)]

    def _is_due(self, camera: FeedCamera) -> bool:
        return camera.report.state == CameraState.LIVE and self.now() >= camera.due_at

    def _view(self, name: str, camera: FeedCamera) -> View:
        camera.seq += 1
        interval_s = 1 / FPS if self._is_selected(name) else self.selection.interval_s
        camera.due_at = max(camera.due_at + interval_s, self.now() - 1 / FPS)
        view = view_of(name, camera.seq, self.now() - self.age_s, camera.seed)
        return view if is_in(name, self.selection.pictures) else replace(view, jpeg=b"")

    def _is_selected(self, name: str) -> bool:
        return is_in(name, self.selection.pictures) or is_in(name, self.selection.cameras)


def is_in(name: str, selected: tuple[str, ...] | None) -> bool:
    return selected is None or name in selected
