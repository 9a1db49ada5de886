"""Frames that viewers froze: explanations and corrections refer to them when the live picture has moved on."""

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from services.display.display_state import DisplayFrame

MAX_FRAMES = 64  # as many as there can be viewers, and each holds one
MAX_BYTES = 64 * 1024 * 1024  # 64 pictures of 1280 x 720 are 6 MB
KEPT_S = 15 * 60.0  # since the last explanation of a place on it


@dataclass(slots=True)
class FrozenFrame:
    """A frame with its JPEG, and when it was used last (time.monotonic())."""

    frame: DisplayFrame
    used_at: float


class FrozenFrames:
    """Lives in the web server's event loop. The frame that was not used for the longest time is dropped first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._frozen: dict[int, FrozenFrame] = {}  # the one used last is the last
        self._ids = itertools.count(secrets.randbelow(2**40))  # ids from before a restart must not match

    def add(self, frame: DisplayFrame, instead_of: int | None = None) -> int:
        """Keep a frame, and return its id. `instead_of` is the id of the frame that the same viewer froze before."""
        if instead_of is not None:
            self._frozen.pop(instead_of, None)
        frame_id = next(self._ids)
        self._frozen[frame_id] = FrozenFrame(frame, self._clock())
        self._drop_old()
        return frame_id

    def get(self, frame_id: int) -> DisplayFrame | None:
        """Return the frame with this id; None if it was dropped or never existed."""
        self._drop_old()
        found = self._frozen.pop(frame_id, None)
        if found is None:
            return None
        found.used_at = self._clock()
        self._frozen[frame_id] = found
        return found.frame

    def _drop_old(self) -> None:
        size_bytes = sum(len(frozen.frame.jpeg) for frozen in self._frozen.values())
        for frame_id, frozen in list(self._frozen.items()):
            is_full = len(self._frozen) > MAX_FRAMES or size_bytes > MAX_BYTES
            if not is_full and self._clock() - frozen.used_at <= KEPT_S:
                return
            del self._frozen[frame_id]
            size_bytes -= len(frozen.frame.jpeg)
