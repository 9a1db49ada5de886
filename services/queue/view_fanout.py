"""Shows every viewer how each frame ended. Pure: no sockets and no clock.

A slow viewer loses frames and does not fall behind: of a live camera only the newest view waits for it. Of an
every_frame camera all views wait, and the camera's credit is held back until they are sent. Of a camera that a viewer
has not selected it is sent few views, and the frames that were passed over are counted.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field

from services.queue.fair_queue import FairQueue
from services.queue.scheduler import EndedFrame
from shared.messaging.messages import NONE_PASSED, PassedOver, Selection, View
from shared.pipeline import Outcome

DROPPED_AFTER = 9  # intervals that a dropped frame of a camera that is not selected waits longer than a reading
SET_BACK_S = 2.0  # a frame this much older than the last one is not late: the clock was set back
REFUSED = {Outcome.MALFORMED, Outcome.TOO_LARGE, Outcome.TOO_COSTLY}


EVERYTHING = Selection()


@dataclass(slots=True)
class ViewQueue:
    """The frames that one viewer has not been shown yet, and how many views it takes now."""

    credit: int = 0
    with_jpeg: bool = False
    selection: Selection = EVERYTHING
    ended: FairQueue[EndedFrame] = field(default_factory=FairQueue)
    due_at: dict[str, float] = field(default_factory=dict)  # by when the next frame of a camera was captured
    passed_over: defaultdict[str, PassedOver] = field(default_factory=lambda: defaultdict(lambda: NONE_PASSED))

    def takes_jpeg(self, camera: str) -> bool:
        """Return whether the camera's views go to this viewer with their JPEGs."""
        pictures = self.selection.pictures
        return self.with_jpeg and (pictures is None or camera in pictures)

    def add(self, ended: EndedFrame) -> None:
        """Queue a frame, or count it as passed over."""
        frame = ended.job.frame
        if not frame.every_frame and not self._is_due(ended):
            self._pass_over(ended)
            return
        self._set_due(frame.camera, frame.captured_at)
        if replaced := self.ended.add_item(frame.camera, ended, keep_all=frame.every_frame):
            self._pass_over(replaced)

    def _is_due(self, ended: EndedFrame) -> bool:
        """Return whether the viewer is to see a frame. Under load a reading ends after newer frames were dropped."""
        frame, selected = ended.job.frame, self.selection
        if selected.cameras is None or frame.camera in selected.cameras or self.takes_jpeg(frame.camera):
            return True
        due_at = self.due_at.get(frame.camera, -math.inf)
        if frame.captured_at < due_at - selected.interval_s - SET_BACK_S:
            return True
        more_s = 0.0 if ended.outcome.has_digits else DROPPED_AFTER * selected.interval_s
        return frame.captured_at >= due_at + more_s

    def _set_due(self, camera: str, at: float) -> None:
        """Set when the next frame is due: in the mean one each interval, though frames come at times of their own."""
        next_at = self.due_at.get(camera, at) + self.selection.interval_s
        self.due_at[camera] = min(max(next_at, at), at + self.selection.interval_s)

    def _pass_over(self, ended: EndedFrame) -> None:
        camera, outcome = ended.job.frame.camera, ended.outcome
        frames, read, followed = self.passed_over[camera]
        self.passed_over[camera] = PassedOver(
            frames + 1, read + outcome.has_reading, followed + (outcome is Outcome.FOLLOWED)
        )

    def take_views(self) -> list[View]:
        """Return as many views as the viewer takes now."""
        ended = self.ended.take_items(self.credit)
        self.credit -= len(ended)
        return [self._make_view(one) for one in ended]

    def _make_view(self, ended: EndedFrame) -> View:
        camera = ended.job.frame.camera
        return make_view(ended, self.takes_jpeg(camera), self.passed_over.pop(camera, NONE_PASSED))

    def forget_camera(self, camera: str) -> None:
        """Remove what waits of a camera that has left."""
        self.ended.remove_items(lambda ended: ended.job.frame.camera == camera)
        self.ended.forget_camera(camera)
        self.due_at.pop(camera, None)
        self.passed_over.pop(camera, None)


class ViewFanout:
    """A queue of views for each viewer, by its name."""

    def __init__(self) -> None:
        self._queues: dict[str, ViewQueue] = {}

    def set_credit(self, viewer: str, credit: int, *, with_jpeg: bool) -> None:
        """Set how many views a viewer takes now, and whether it wants JPEGs too."""
        queue = self._queues.setdefault(viewer, ViewQueue())
        queue.credit, queue.with_jpeg = credit, with_jpeg

    def set_selection(self, viewer: str, selection: Selection) -> None:
        """Set which cameras a viewer shows; ignored for one that is not known yet."""
        if queue := self._queues.get(viewer):
            queue.selection = selection

    def want_jpeg(self, camera: str) -> bool:
        """Whether a viewer shows pictures of the camera."""
        return any(queue.takes_jpeg(camera) for queue in self._queues.values())

    def remove_viewer(self, viewer: str) -> None:
        """Forget a viewer."""
        self._queues.pop(viewer, None)

    def add_ended_frame(self, ended: EndedFrame, viewer: str = "") -> None:
        """Queue a frame for a viewer, or for every one."""
        for queue in [self._queues[viewer]] if viewer else self._queues.values():
            queue.add(ended)

    def take_views(self) -> list[tuple[str, list[View]]]:
        """Return the views for each viewer that has credit."""
        taken = [(viewer, queue.take_views()) for viewer, queue in self._queues.items()]
        return [(viewer, views) for viewer, views in taken if views]

    def count_backlog(self, camera: str) -> int:
        """Return how many views of the camera wait for the slowest viewer."""
        return max((queue.ended.count_items(camera) for queue in self._queues.values()), default=0)

    def forget_camera(self, camera: str) -> None:
        """Remove the views of a camera that has left."""
        for queue in self._queues.values():
            queue.forget_camera(camera)


def make_view(ended: EndedFrame, with_jpeg: bool, passed_over: PassedOver = NONE_PASSED) -> View:
    """Return the message that shows how a frame ended. A viewer need not try what preprocess has refused to decode."""
    frame, reading = ended.job.frame, ended.reading
    return View(
        camera=frame.camera,
        seq=frame.seq,
        captured_at=frame.captured_at,
        outcome=ended.outcome,
        width=reading.width if reading else 0,
        height=reading.height if reading else 0,
        digits=reading.digits if reading else (),
        jpeg=frame.jpeg if with_jpeg and ended.outcome not in REFUSED else b"",
        position=frame.position,
        passed_over=passed_over,
    )
