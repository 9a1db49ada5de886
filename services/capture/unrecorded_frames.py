"""The frames of a file that were sent and that no display has recorded yet. Pure: times are passed in, in seconds.

Whatever loses a frame on its way (a queue that was killed, a connection that was cut), it is sent again. What comes
twice is noticed by its position in the file: at the queue while it holds the frame, at the display for ever.
"""

from collections.abc import Callable

from shared.cameras.publisher import CapturedFrame
from shared.messaging.messages import FilePosition, Recorded

MAX_UNRECORDED = 16  # the window of services/queue/file_frames.py
RESEND_AFTER_S = 2.0  # longer than any worker is away; a queue that still has the frame notices that it comes twice


class UnrecordedFrames:
    """Keeps frames until they are recorded; on_recorded gets the position of each."""

    def __init__(self, on_recorded: Callable[[FilePosition], None]) -> None:
        self._on_recorded = on_recorded
        self._sent: dict[FilePosition, tuple[CapturedFrame, float]] = {}  # the longest ago first

    @property
    def is_full(self) -> bool:
        """Whether no new frame may be sent before an earlier one is recorded."""
        return len(self._sent) >= MAX_UNRECORDED

    def note_sent(self, frame: CapturedFrame, now: float) -> None:
        """Keep a frame of a file."""
        if frame.position:
            self._sent.pop(frame.position, None)
            self._sent[frame.position] = frame, now

    def find_overdue(self, now: float) -> CapturedFrame | None:
        """Return the frame that must be sent again next; None if there is none."""
        frame, sent_at = next(iter(self._sent.values()), (None, now))
        return frame if now - sent_at > RESEND_AFTER_S else None

    def record(self, message: Recorded) -> None:
        """Forget the frames that a display has recorded."""
        for position in (FilePosition(message.stamp, index) for index in message.indices):
            if self._sent.pop(position, None):
                self._on_recorded(position)
