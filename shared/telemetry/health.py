"""Whether a process is well: its loop turns (alive), and nothing keeps it from its work (ready)."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

HUNG_AFTER_S = 2.5  # a loop turns every half second, and a batch takes a tenth; whoever asks knows within 3 s
START_WITHIN_S = 60.0  # a GPU's first start is slow; until its first turn a process is alive, but not ready
NO_QUEUE = "the queue does not answer"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Yes or no, and why: a sentence for a person."""

    ok: bool
    why: str


class Health:
    """What a loop says with every turn; the thread that answers probes asks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beaten_at, self._trouble = clock(), "it is starting"
        self._has_turned = False

    def beat(self, trouble: str = "") -> None:
        """The loop has turned; trouble is what keeps it from its work, empty where nothing does."""
        self._beaten_at, self._trouble, self._has_turned = self._clock(), trouble, True

    def wait(self, stop: threading.Event, turn_s: float, trouble: str = "") -> bool:
        """Beat, and wait for the next turn of a loop that has only to be there; True when it is to end."""
        self.beat(trouble)
        return stop.wait(turn_s)

    @property
    def age_s(self) -> float:
        """Time since the loop has turned."""
        return self._clock() - self._beaten_at

    def alive(self) -> ProbeResult:
        """Whether the loop has turned lately, or is still on its way to its first turn."""
        age_s, limit_s = self.age_s, HUNG_AFTER_S if self._has_turned else START_WITHIN_S
        said = "its loop turned" if self._has_turned else "it started"
        return ProbeResult(age_s <= limit_s, f"{said} {age_s:.1f} s ago")

    def ready(self) -> ProbeResult:
        """Whether it does its work."""
        alive = self.alive()
        return ProbeResult(alive.ok and not self._trouble, self._trouble or alive.why)
