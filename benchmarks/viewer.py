"""The bench as a viewer of the pipeline: every View, with its picture, and how old it was when it arrived."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from shared.messaging.messages import Ready, View
from shared.messaging.sockets import ClientSocket
from shared.pipeline import Outcome, Stage
from shared.settings import Settings

CREDIT = 128  # views on their way; more than a camera list ever gives at once, so that the queue never waits for us
ASK_EVERY_S = 0.25
WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Sight:
    """How a frame ended, and when that was seen; times are of the queue's clock, in seconds."""

    camera: str
    seq: int
    captured_at: float
    seen_at: float
    outcome: Outcome

    @property
    def age_s(self) -> float:
        """How old the picture was when it was there to be shown."""
        return self.seen_at - self.captured_at


class Viewer:
    """Takes every view of every camera."""

    def __init__(self, settings: Settings) -> None:
        self._peer = ClientSocket(settings)
        self._left, self._asked_at = 0, -1e9
        self.now = self._peer.now
        self.close = self._peer.close

    def look(self, until: float, first_read: bool = False) -> list[Sight]:
        """What is seen up to a time; with first_read only up to the first frame that was read."""
        sights: list[Sight] = []
        while self.now() < until:
            news = self._receive()
            sights += news
            if first_read and any(sight.outcome == Outcome.READ for sight in news):
                break
        return sights

    def _receive(self) -> list[Sight]:
        now = self.now()
        if self._left <= CREDIT // 2 or now - self._asked_at > ASK_EVERY_S:
            self._asked_at = now
            self._left = (
                CREDIT if self._peer.send(Ready(role=Stage.DISPLAY, name="bench", credit=CREDIT, with_jpeg=True)) else 0
            )
        messages = self._peer.receive(WAIT_S)
        now = self.now()
        views = [message for message in messages if isinstance(message, View)]
        self._left -= len(views)
        return [Sight(view.camera, view.seq, view.captured_at, now, view.outcome) for view in views]


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a camera's pictures that were due: read, dropped by the queue, never sent to it, unseen by us."""

    due: int
    ages_s: tuple[float, ...]  # of those that were read
    dropped: int
    unsent: int
    unseen: int
    unchanged: int = 0  # of those that were read: answered with the reading of the same page

    @property
    def read(self) -> int:
        """Pictures that were read, or answered because the page was the same as one that had been."""
        return len(self.ages_s)


def account(sights: Iterable[Sight], fps: float, start: float, seconds: float) -> Account:
    """What became of one camera's pictures that were due from start on, by the schedule that its sights are on.

    A gap in the sequence numbers is frames that were sent and not seen here; the rest of a gap in the schedule is
    pictures that the camera never sent.
    """
    sights = list(sights)
    due = round(fps * seconds)
    if not sights:
        return Account(due, (), 0, due, 0)
    first = ceil((start - sights[0].captured_at) * fps)
    inside = [
        sight for sight in sights if first <= round((sight.captured_at - sights[0].captured_at) * fps) < first + due
    ]
    ages = tuple(sight.age_s for sight in inside if sight.outcome.has_reading)
    unchanged = sum(sight.outcome == Outcome.UNCHANGED for sight in inside)
    unseen = inside[-1].seq - inside[0].seq + 1 - len(inside) if inside else 0
    return Account(due, ages, len(inside) - len(ages), due - len(inside) - unseen, unseen, unchanged)
