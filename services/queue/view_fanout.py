"""Shows every viewer how each frame ended. Pure: no sockets and no clock.

A slow viewer loses frames and does not fall behind: of a live camera only the newest view waits for it. Of an
every_frame camera all views wait, and the camera's credit is held back until they are sent.
"""

from dataclasses import dataclass, field

from services.queue.fair_queue import FairQueue
from services.queue.scheduler import EndedFrame
from shared.messaging.messages import View
from shared.pipeline import Outcome

REFUSED = {Outcome.MALFORMED, Outcome.TOO_LARGE, Outcome.TOO_COSTLY}


@dataclass(slots=True)
class ViewQueue:
    """The frames that one viewer has not been shown yet, and how many views it takes now."""

    credit: int = 0
    with_jpeg: bool = False
    ended: FairQueue[EndedFrame] = field(default_factory=FairQueue)


class ViewFanout:
    """A queue of views for each viewer, by its name."""

    def __init__(self) -> None:
        self._queues: dict[str, ViewQueue] = {}

    def set_credit(self, viewer: str, credit: int, *, with_jpeg: bool) -> None:
        """Set how many views a viewer takes now, and whether it wants the JPEGs too."""
        queue = self._queues.setdefault(viewer, ViewQueue())
        queue.credit, queue.with_jpeg = credit, with_jpeg

    @property
    def want_jpegs(self) -> bool:
        """Whether a viewer shows pictures."""
        return any(queue.with_jpeg for queue in self._queues.values())

    def remove_viewer(self, viewer: str) -> None:
        """Forget a viewer."""
        self._queues.pop(viewer, None)

    def add_ended_frame(self, ended: EndedFrame, viewer: str = "") -> None:
        """Queue a frame for a viewer, or for every one."""
        frame = ended.job.frame
        for queue in [self._queues[viewer]] if viewer else self._queues.values():
            queue.ended.add_item(frame.camera, ended, keep_all=frame.every_frame)

    def take_views(self) -> list[tuple[str, list[View]]]:
        """Return the views for each viewer that has credit."""
        taken = []
        for viewer, queue in self._queues.items():
            ended = queue.ended.take_items(queue.credit)
            queue.credit -= len(ended)
            if ended:
                taken.append((viewer, [make_view(one, queue.with_jpeg) for one in ended]))
        return taken

    def count_backlog(self, camera: str) -> int:
        """Return how many views of the camera wait for the slowest viewer."""
        return max((queue.ended.count_items(camera) for queue in self._queues.values()), default=0)

    def forget_camera(self, camera: str) -> None:
        """Remove the views of a camera that has left."""
        for queue in self._queues.values():
            queue.ended.remove_items(lambda ended: ended.job.frame.camera == camera)


def make_view(ended: EndedFrame, with_jpeg: bool) -> View:
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
    )
