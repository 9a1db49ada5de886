"""Decides which frames of a camera are read in full, and in which the digits of the last reading are only followed.

Pure: times are passed in, in seconds, of the frames' capture. See docs/decisions/0042.
"""

import math
from collections import Counter, deque
from collections.abc import Sequence

from shared.vision.digit import Digit
from shared.vision.tracks import INDEPENDENT_S, SHOW, DigitTracker

LOOK_S = INDEPENDENT_S  # a frame is read at least this often: closer readings count as about one
JITTER = 0.1  # of LOOK_S: at 30 frames/s each third frame is read, though cameras are a little late
PACE_FRAMES = 100  # the shortest time between two of them is the camera's own; where it was longer, frames were dropped
HELD_BACK_S = 0.2  # as LOOK_S, for a camera that is let send fewer frames than it has: others need the time
HELD_BACK_JITTER = 0.2  # of HELD_BACK_S: under load frames come less evenly
SETTLE_S = 0.1  # the digits shown must have been the same for this long,
HELD_BACK_SETTLE_S = 0.8  # and for a camera that is held back for this long: with few readings a mistake stays longer
MAX_READING_AGE_S = 0.2  # two looks: in that time a digit moves, turns and is lit as it was
MAX_FOLLOWED = 32  # digits; a frame with more is always read


class FollowRule:
    """The rule for one live camera.

    Digits are settled if those shown have not changed for a while, and the last reading has the same. Until then every
    frame is read. The tracker here gets the same readings as that of the display, so both show the same.
    """

    def __init__(self) -> None:
        self._tracker = DigitTracker()
        self._shown: Counter[int] | None = None
        self._shown_since = -math.inf
        self._is_confirmed = False  # by the last reading
        self._read_at = self._requested_at = self._frame_at = -math.inf
        self._intervals_s: deque[float] = deque(maxlen=PACE_FRAMES)

    def allows(self, captured_at: float, *, is_held_back: bool = False) -> bool:
        """Return whether a new frame may be followed; if not, it is taken to be read.

        is_held_back: whether the queue lets cameras send fewer frames than they have. The next one then comes as late
        after this one as this one came, and not at the camera's own pace.
        """
        interval_s = max(0.0, captured_at - self._frame_at)
        self._intervals_s.append(interval_s)
        self._frame_at = captured_at
        until_next_s = captured_at + min(self._intervals_s) - self._requested_at
        if 0 <= until_next_s <= (1 + JITTER) * LOOK_S:
            is_allowed = self._is_settled(captured_at, SETTLE_S)
        else:
            until_next_s = captured_at + interval_s - self._requested_at
            is_soon = is_held_back and 0 <= until_next_s <= (1 + HELD_BACK_JITTER) * HELD_BACK_S
            is_allowed = is_soon and self._is_settled(captured_at, HELD_BACK_SETTLE_S)
        if not is_allowed:
            self._requested_at = captured_at
        return is_allowed

    def _is_settled(self, now: float, settle_s: float) -> bool:
        is_recent = 0 <= now - self._read_at <= MAX_READING_AGE_S
        return is_recent and self._is_confirmed and self._read_at - self._shown_since >= settle_s

    def record_request(self, captured_at: float) -> None:
        """Note that a frame is read though it might have been followed."""
        self._requested_at = max(self._requested_at, captured_at)

    def record_reading(self, digits: Sequence[Digit], captured_at: float) -> bool:
        """Note what was read; return False for a frame that is older than the last one."""
        if 0 < self._read_at - captured_at <= MAX_READING_AGE_S:
            return False
        shown = Counter(digit.digit for digit in self._tracker.update(digits, captured_at))
        if shown != self._shown:
            self._shown, self._shown_since = shown, captured_at
        self._is_confirmed = len(digits) <= MAX_FOLLOWED and is_confirmed(shown, digits)
        self._read_at = captured_at
        return True


def is_confirmed(shown: Counter[int], digits: Sequence[Digit]) -> bool:
    """Return whether a reading has all digits that are shown, and no other that is sure."""
    read = Counter(digit.digit for digit in digits)
    sure = Counter(digit.digit for digit in digits if digit.confidence >= SHOW)
    return shown <= read and sure <= shown
