"""Who looks, and what each viewer has still to see. Pure, like the work queue: no socket, no clock of its own.

A slow viewer loses pictures, never time: of a live camera only the newest view waits for it. The views of an
every_frame camera all wait, and while they do its credit is held back.
"""

from dataclasses import dataclass, field

from services.queue.fair_queue import FairQueue
from services.queue.scheduler import LOST_AFTER_S, Ended
from shared.messaging.messages import View


@dataclass(slots=True)
class ConnectedViewer:
    """One process that looks."""

    credit: int = 0
    pictures: bool = False
    seen_at: float = 0.0
    ended: FairQueue[Ended] = field(default_factory=FairQueue)


class ViewerRegistry:
    """All viewers, by name."""

    def __init__(self) -> None:
        self.viewers: dict[str, ConnectedViewer] = {}

    def ready(self, name: str, credit: int, pictures: bool, now: float) -> None:
        """A viewer says how many views it takes now, and whether with pictures; also its sign of life."""
        viewer = self.viewers.setdefault(name, ConnectedViewer())
        viewer.credit, viewer.pictures, viewer.seen_at = credit, pictures, now

    def offer(self, ended: Ended) -> None:
        """Let everybody see how a frame ended."""
        frame = ended.job.frame
        for viewer in self.viewers.values():
            viewer.ended.put(frame.camera, ended, keep_all=frame.every_frame)

    def views(self) -> list[tuple[str, list[View]]]:
        """What each viewer that has credit gets now."""
        return [(name, views) for name, viewer in self.viewers.items() if (views := self._take(viewer))]

    @staticmethod
    def _take(viewer: ConnectedViewer) -> list[View]:
        taken = viewer.ended.take(viewer.credit)
        viewer.credit -= len(taken)
        return [to_view(ended, viewer.pictures) for ended in taken]

    def backlog(self, camera: str) -> int:
        """Views of the camera that the slowest viewer has still to see."""
        return max((viewer.ended.count(camera) for viewer in self.viewers.values()), default=0)

    def forget(self, camera: str) -> None:
        """A camera has left: nobody is to see more of it."""
        for viewer in self.viewers.values():
            viewer.ended.remove(lambda ended: ended.job.frame.camera == camera)

    def lose(self, name: str) -> None:
        """Forget a viewer."""
        self.viewers.pop(name, None)

    def lose_silent(self, now: float) -> None:
        """Forget the viewers that have not been heard lately."""
        for name in [name for name, viewer in self.viewers.items() if now - viewer.seen_at > LOST_AFTER_S]:
            self.lose(name)


def to_view(ended: Ended, pictures: bool) -> View:
    """The message about how a frame ended."""
    frame, reading = ended.job.frame, ended.reading
    return View(
        frame.camera,
        frame.seq,
        frame.captured_at,
        ended.outcome,
        reading.width if reading else 0,
        reading.height if reading else 0,
        reading.digits if reading else (),
        frame.jpeg if pictures else b"",
    )
