"""Frames of files that the queue has taken and no display has recorded yet. Pure.

A display that connects is shown those that have ended, so none is lost when a display ends. A frame that comes again
while it is held, or soon after, is not read again.
"""

from collections import deque

from services.queue.scheduler import EndedFrame
from shared.messaging.codec import MalformedError
from shared.messaging.messages import FilePosition, Frame, Recorded

WINDOW = 16  # frames of a file that may be sent before the first of them is recorded
MAX_HELD = 64  # of one camera: a capture process that has restarted may send others than the one before


class FileFrames:
    """The held frames by camera and position; those that have ended with how they did."""

    def __init__(self) -> None:
        self._held: dict[str, dict[FilePosition, EndedFrame | None]] = {}
        self._recorded: dict[str, deque[FilePosition]] = {}  # the last ones of each camera

    def is_held(self, frame: Frame) -> bool:
        """Return whether this frame of a file came before. Raises MalformedError if its camera has sent too many."""
        held = self._held.get(frame.camera, {})
        if frame.position in held:
            return True
        if len(held) >= MAX_HELD:
            raise MalformedError(f"{frame.camera} sends more than {MAX_HELD} frames that no display has recorded")
        return False

    def is_recorded(self, frame: Frame) -> bool:
        """Return whether this frame of a file came before and was recorded a moment ago."""
        return frame.position in self._recorded.get(frame.camera, ())

    def hold(self, frame: Frame) -> None:
        """Hold a frame until it is recorded; not a live one."""
        if frame.position:
            self._held.setdefault(frame.camera, {})[frame.position] = None

    def end(self, ended: EndedFrame) -> None:
        """Keep how a frame ended."""
        frame = ended.job.frame
        if frame.position and frame.position in (held := self._held.get(frame.camera, {})):
            held[frame.position] = ended

    def release(self, frame: Frame) -> None:
        """Hold a frame no longer that was lost on its way: capture sends it again."""
        if frame.position:
            self._held.get(frame.camera, {}).pop(frame.position, None)

    def record(self, message: Recorded) -> None:
        """Hold frames no longer that a display has recorded."""
        held = self._held.get(message.camera, {})
        for position in (FilePosition(message.stamp, index) for index in message.indices):
            if position in held:
                del held[position]
                self._recorded.setdefault(message.camera, deque(maxlen=MAX_HELD)).append(position)

    def list_ended(self) -> list[EndedFrame]:
        """Return the frames that have ended, in the order in which they came."""
        return [ended for held in self._held.values() for ended in held.values() if ended]

    def count_room(self, camera: str) -> int:
        """Return how many more frames a camera may send before some are recorded."""
        return max(0, WINDOW - len(self._held.get(camera, ())))

    def forget_camera(self, camera: str) -> None:
        """Hold no frames of a camera that has left."""
        self._held.pop(camera, None)
        self._recorded.pop(camera, None)
