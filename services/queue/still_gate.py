"""Which frames need not be read: what each camera showed when it was last read, and whether it has stood still since.

Pure, like the work queue. A page that has been the same for SETTLE_S is not read again while it stays so, but every
reread_s seconds: what the comparison can't see is read then. It is compared with the page that was read, not with
the frame before, so that nothing creeps in unseen. The memory is here and not in the workers, which share a camera's
frames and may be restarted; the comparison is theirs, since only they look into a JPEG.
"""

from dataclasses import dataclass, replace

from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.pipeline import Gate

SETTLE_S = 0.5  # the steady digits forget within 0.4 s: by then they are what this page says (shared/vision/tracks.py)


@dataclass(frozen=True, slots=True)
class StillReference:
    """What a camera shows."""

    sketch: bytes  # of the first page that showed it
    reading: Reading  # of the last
    is_still: bool = False


class StillGate:
    """The last page of every camera; with reread_s = 0 it is open to all frames."""

    def __init__(self, reread_s: float) -> None:
        self.reread_s = reread_s
        self._standing: dict[str, StillReference] = {}

    def ask(self, frame: Frame) -> tuple[Frame, StillReference | None]:
        """The frame as a worker is to get it, and what its page will be compared with."""
        if frame.every_frame or not self.reread_s:
            return frame, None
        standing = self._standing.get(frame.camera)
        if standing is None:
            return replace(frame, gate=Gate.COMPARE), None
        is_recent = 0 <= frame.captured_at - standing.reading.captured_at < self._look_after_s(standing)
        if is_recent and not standing.is_still:
            return frame, None
        return replace(frame, gate=Gate.SKIP if is_recent else Gate.COMPARE, sketch=standing.sketch), standing

    def _look_after_s(self, standing: StillReference) -> float:
        return self.reread_s if standing.is_still else min(SETTLE_S, self.reread_s)

    def note(self, page: GrayFrame, compared: StillReference | None, reading: Reading) -> None:
        """Remember what a page said that was compared with what stood then; stragglers and the rest change nothing."""
        standing = self._standing.get(page.camera)
        if page.sketch:
            self._standing[page.camera] = StillReference(page.sketch, reading)
        elif standing and compared and standing.sketch is compared.sketch:
            self._standing[page.camera] = replace(standing, reading=reading, is_still=True)

    def forget(self, camera: str) -> None:
        """A camera has left."""
        self._standing.pop(camera, None)
