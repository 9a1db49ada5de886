"""The bench as a viewer of the pipeline: it receives every View, without its picture, and notes its age on arrival.

Peers carry no pictures to a viewer either.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.messaging.messages import Selection, View
from shared.messaging.sockets import ClientSocket
from shared.messaging.subscription import ViewSubscription
from shared.pipeline import Outcome
from shared.settings import Settings

CREDIT = 128  # views in flight; more than the cameras send at once, so that the queue never waits for the bench
WAIT_S = 0.05
AGES_ONLY = Selection(pictures=())


@dataclass(frozen=True, slots=True)
class ReceivedView:
    """How a frame ended, and when the bench received it; times are of the queue's clock, in seconds."""

    camera: str
    seq: int
    captured_at: float
    received_at: float
    outcome: Outcome

    @property
    def age_s(self) -> float:
        """The frame's age when it could be displayed."""
        return self.received_at - self.captured_at


class BenchViewer:
    """Receives every view of every camera."""

    def __init__(self, settings: Settings) -> None:
        self._queue = ClientSocket(settings)
        self._subscription = ViewSubscription(self._queue, "bench", CREDIT)
        self.now = self._queue.now
        self.close = self._queue.close

    def watch(self, until: float, stop_at_first_reading: bool = False) -> list[ReceivedView]:
        """Return the frames that end up to a time, or up to the first one that is read."""
        ended: list[ReceivedView] = []
        while self.now() < until:
            news = self._receive()
            ended += news
            if stop_at_first_reading and any(frame.outcome == Outcome.READ for frame in news):
                break
        return ended

    def _receive(self) -> list[ReceivedView]:
        messages = self._subscription.receive(WAIT_S, AGES_ONLY)
        now = self.now()
        views = [message for message in messages if isinstance(message, View)]
        return [ReceivedView(view.camera, view.seq, view.captured_at, now, view.outcome) for view in views]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameAccount:
    """The ends of a camera's due frames: answered, dropped by the queue, not sent to it, or unseen by the bench."""

    due: int
    ages_s: tuple[float, ...] = ()  # of the frames that were answered
    dropped: int = 0
    unsent: int = 0
    unseen: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)  # of the frames whose end the bench saw

    @property
    def answered(self) -> int:
        """Frames whose digits are known: they were read, have not changed since, or the digits were followed."""
        return len(self.ages_s)

    @property
    def read(self) -> int:
        """Frames with a reading, whether a network read them or an earlier reading holds."""
        return self.answered - self.outcomes.get(Outcome.FOLLOWED, 0)


def account_for_frames(ended: Iterable[ReceivedView], fps: float, start: float, seconds: float) -> FrameAccount:
    """Return what became of one camera's frames that were due from start on, by the schedule of its ended frames.

    A gap in the sequence numbers is frames that were sent and not seen by the bench. The rest of a gap in the schedule
    is frames that the camera never sent.
    """
    ended = list(ended)
    due = round(fps * seconds)
    if not ended:
        return FrameAccount(due=due, unsent=due)
    first = math.ceil((start - ended[0].captured_at) * fps)
    inside = [
        frame for frame in ended if first <= round((frame.captured_at - ended[0].captured_at) * fps) < first + due
    ]
    ages = tuple(frame.age_s for frame in inside if frame.outcome.has_digits)
    unseen = inside[-1].seq - inside[0].seq + 1 - len(inside) if inside else 0
    return FrameAccount(
        due=due,
        ages_s=ages,
        dropped=len(inside) - len(ages),
        unsent=due - len(inside) - unseen,
        unseen=unseen,
        outcomes=Counter(str(frame.outcome) for frame in inside),
    )
