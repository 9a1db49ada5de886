"""Health of a process: alive while its loop turns, ready while nothing keeps it from its work."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

HUNG_AFTER_S = 2.5  # a loop turns every half second and a batch takes 0.1 s, so a probe notices within 3 s
SEND_INTERVAL_S = 0.25  # between two heartbeats for the supervisor
START_WITHIN_S = 60.0  # a GPU's first start is slow


class NotReady(StrEnum):
    """Why a process can't do its work. `digitcam doctor` chooses the remedy by it."""

    STARTING = "starting"
    HUNG = "hung"
    UNREACHABLE = "unreachable"  # it does not answer its probes
    QUEUE_SILENT = "queue silent"
    CELLS_SILENT = "cells silent"  # of a display: none of its queues answers
    DENIED = "denied by the queue"  # the message says why
    NO_FRAMES = "no frames"
    CAMERA_ABSENT = "camera absent"  # the message says why and what to do
    CAMERA_DOWN = "camera down"
    NO_PROMETHEUS = "no prometheus"


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason for not being ready, with a sentence for people."""

    reason: NotReady
    message: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The answer of /livez or /readyz: reason is None while all is well, message is a sentence for people."""

    reason: NotReady | None
    message: str

    @property
    def ok(self) -> bool:
        return self.reason is None


QUEUE_SILENT = Problem(NotReady.QUEUE_SILENT, "the queue does not answer")


def find_queue_problem(denial: str, *, is_connected: bool) -> Problem | None:
    """Return what is wrong between a process and the queue."""
    if denial:
        return Problem(NotReady.DENIED, denial)
    return None if is_connected else QUEUE_SILENT


class Health:
    """Written by the loop of a process at every turn, read by the thread that answers probes."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, send_heartbeat: Callable[[], None] = lambda: None
    ) -> None:
        """send_heartbeat tells the supervisor that the loop turns."""
        self._clock, self._send_heartbeat = clock, send_heartbeat
        self._sent_at = -math.inf
        self._turned_at = clock()
        self._has_turned = False
        self._problem: Problem | None = Problem(NotReady.STARTING, "it is starting")
        self._note = ""

    def heartbeat(self, problem: Problem | None = None, turned_at: float = math.inf, note: str = "") -> None:
        """Note that the loop has turned, and what keeps it from its work.

        turned_at: when another thread last turned, if the process needs that too; the oldest counts. note: what /readyz
        says besides.
        """
        self._turned_at, self._problem, self._has_turned = min(turned_at, self._clock()), problem, True
        self._note = note
        if self._turned_at - self._sent_at >= SEND_INTERVAL_S:
            self._sent_at = self._turned_at
            self._send_heartbeat()

    @property
    def age_s(self) -> float:
        """Time since the loop last turned, or since the start."""
        return self._clock() - self._turned_at

    def check_alive(self) -> ProbeResult:
        """Return whether the loop turned recently; until its first turn a process has START_WITHIN_S."""
        limit_s, event = (HUNG_AFTER_S, "its loop turned") if self._has_turned else (START_WITHIN_S, "it started")
        age_s = self.age_s
        return ProbeResult(NotReady.HUNG if age_s > limit_s else None, f"{event} {age_s:.1f} s ago")

    def check_ready(self) -> ProbeResult:
        """Return whether the process is alive and nothing keeps it from its work."""
        alive = self.check_alive()
        if alive.ok and self._problem:
            return ProbeResult(self._problem.reason, self._problem.message)
        return replace(alive, message=f"{alive.message}; {self._note}") if self._note else alive
