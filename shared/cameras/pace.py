"""How long a camera may be silent, learnt from the camera itself.

One camera gives 30 frames a second, another one in two seconds, a third ten at once and then none for three seconds.
All limits on silence are here.
"""

import heapq
import math
from collections import deque

OPENING_S = 30.0  # until a network camera's first frame is missed: it may answer late, and wait for a key frame
WEBCAM_OPENING_S = 15.0  # Windows takes 10 s to open some webcams
FIRST_FRAME_S = 15.0  # from the answer to the first frame
CONNECT_S = 2.0  # for a TCP connection; after it the next try starts, so that a camera that returns is found
ANSWER_S = 10.0  # for the answer to a request
CALL_S = 2.0  # for a call into a driver, beyond all other limits; then it will not return
HUNG_OPENING_S = 20.0  # for opening, likewise
BLOCKED_S = 1.2  # the least time without a frame that is shown: within 2 s also for a camera of 30 frames a second
FROZEN_S = 1.5  # the least time of identical frames that is shown
REOPEN_S = 4.0  # the least time without a frame after which the camera is opened again
UNKNOWN_S = 10.0  # while the pace is not known
MARGIN = 2.5  # times the camera's usual pause
SEEN = 3  # times that a pause must have been seen to be usual
EARLY_S = 30.0  # after its first frame; a pause in this time is expected again after it was seen once
EARLY_MARGIN = 1.5  # times such a pause
FAST_S = 1.8  # as UNKNOWN_S, for a camera that is known to be fast before it was seen: a dead one shows within 2 s
FAST_HZ = 2.0  # the least frame rate of such a camera
MAX_STATED_HZ = 240.0  # more is the clock of a stream, not its frame rate
BURST_S = 0.008  # frames that follow each other faster come from a buffer, and say nothing about the pace
MEMORY_S = 60.0  # how long a pause is remembered, or six times as long as it was


class Pace:
    """The pauses between a camera's frames. The limits that follow from them are in seconds."""

    def __init__(self, opening_s: float = OPENING_S, call_s: float = ANSWER_S, *, is_fast: bool = False) -> None:
        """is_fast: cameras of this kind give at least FAST_HZ frames a second."""
        self.opening_s, self._call_s, self._is_fast = opening_s, call_s, is_fast
        self._pauses: deque[tuple[float, float, bool]] = deque()  # (when it may be forgotten, seconds, was it early)
        self._first_at = self._last_at = math.nan
        self._pairs = -1  # of frames that followed each other; -1 before the first frame

    def set_stated_rate(self, rate_hz: float) -> None:
        """Expect the rate that the camera states of itself; 0 if it states none."""
        self._is_fast = FAST_HZ <= rate_hz <= MAX_STATED_HZ

    def add_frame(self, at: float) -> None:
        """Learn from a frame at a time in seconds."""
        pause_s = at - self._last_at
        if math.isnan(self._first_at):
            self._first_at = at
        if pause_s * MARGIN > BLOCKED_S:
            is_early = self._last_at - self._first_at < EARLY_S
            self._pauses.append((at + max(MEMORY_S, 6 * pause_s), pause_s, is_early))
        while self._pauses and self._pauses[0][0] < at:
            self._pauses.popleft()
        self._pairs += self._pairs < 0 or pause_s > BURST_S  # false also for nan
        self._last_at = at

    def forget_last(self) -> None:
        """Do not take the time until the next frame for a pause: the camera is opened again."""
        self._last_at = math.nan

    @property
    def usual_pause_s(self) -> float:
        """The longest pause that was seen several times."""
        longest = heapq.nlargest(SEEN, (pause_s for _, pause_s, _ in self._pauses))
        return longest[-1] if len(longest) == SEEN else 0.0

    @property
    def early_pause_s(self) -> float:
        """The longest pause soon after the first frame."""
        return max((pause_s for _, pause_s, is_early in self._pauses if is_early), default=0.0)

    @property
    def blocked_after_s(self) -> float:
        """How long no frame is normal."""
        if self._pairs < 0:
            return self.opening_s
        if self._pairs < SEEN:
            return FAST_S if self._is_fast and self.early_pause_s < FAST_S else UNKNOWN_S
        return max(BLOCKED_S, MARGIN * self.usual_pause_s, EARLY_MARGIN * self.early_pause_s)

    @property
    def reopen_after_s(self) -> float:
        """How long to wait for a frame before the camera is opened again."""
        return FIRST_FRAME_S if self._pairs < 0 else max(REOPEN_S, 1.5 * self.blocked_after_s)

    def hung_after_s(self, *, is_opening: bool) -> float:
        """Return how long after its last event a camera's driver will not return."""
        return self.opening_s + HUNG_OPENING_S if is_opening else self.reopen_after_s + self._call_s
