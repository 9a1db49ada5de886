"""The pictures that a browser sent lately, so that the one whose reading it shows can be explained.

The queue returns readings without their pictures unless a live view is open, so the pictures wait here.
"""

from collections import deque
from dataclasses import dataclass, replace

from services.display.display_state import DisplayFrame

MAX_BYTES = 4 * 1024 * 1024  # a second of 640 x 480 takes 2 to 3 MB
SAME_S = 0.01  # the display and its uplink measure the queue's clock on their own; pictures are 33 ms apart


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A JPEG and when it was captured, in the queue's clock; its frame once its reading was sent to the browser."""

    jpeg: bytes
    captured_at: float
    frame: DisplayFrame | None = None


class RecentPictures:
    def __init__(self) -> None:
        self._pictures: deque[SentPicture] = deque()
        self._size_bytes = 0

    def add(self, jpeg: bytes, captured_at: float) -> None:
        """Keep a picture; the oldest ones make room for it."""
        self._pictures.append(SentPicture(jpeg, captured_at))
        self._size_bytes += len(jpeg)
        while self._size_bytes > MAX_BYTES:
            self._size_bytes -= len(self._pictures.popleft().jpeg)

    def match(self, frame: DisplayFrame) -> None:
        """Join a frame that came back from the queue to its picture."""
        for i, picture in enumerate(self._pictures):
            if abs(picture.captured_at - frame.captured_at) < SAME_S:
                self._pictures[i] = replace(picture, frame=replace(frame, jpeg=picture.jpeg))

    def find(self, seq: int) -> DisplayFrame | None:
        """Return the frame with this number, and its picture; None if it is too old."""
        return next((picture.frame for picture in self._pictures if picture.frame and picture.frame.seq == seq), None)
