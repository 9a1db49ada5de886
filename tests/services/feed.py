"""A fake queue for tests of the display: demo cameras whose frames are read without an error."""

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from functools import cache

import simplejpeg

from shared.demo import DemoCamera
from shared.messaging.messages import CameraReport, Message, Ready, View
from shared.pipeline import CameraState, Outcome
from tests.shared.vision.reading import digit_of

FPS = 30
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
        self._news: deque[Message] = deque()
        self._cameras = {
            name: FeedCamera(i, CameraReport(camera=name, state=CameraState.LIVE, detail="", began_at=now), now)
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
        return self.connected

    def receive(self, timeout_s: float) -> list[Message]:
        end = self.now() + timeout_s
        while not (batch := self._batch()) and self.now() < end:
            time.sleep(0.002)
        return batch

    def _batch(self) -> list[Message]:
        if not self.connected:
            return []
        batch = [self._news.popleft() for _ in range(len(self._news))]
        return batch + [self._view(name, camera) for name, camera in self._cameras.items() if self._is_due(camera)]

    def _is_due(self, camera: FeedCamera) -> bool:
        return camera.report.state == CameraState.LIVE and self.now() >= camera.due_at

    def _view(self, name: str, camera: FeedCamera) -> View:
        camera.seq += 1
        camera.due_at = max(camera.due_at + 1 / FPS, self.now() - 1 / FPS)
        view = view_of(name, camera.seq, self.now() - self.age_s, camera.seed)
        return view if self.asked and self.asked[-1].with_jpeg else replace(view, jpeg=b"")
