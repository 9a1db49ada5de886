"""Decides which frames inference must read: all of a camera that moves, one every REREAD_S of one that stands still.

Pure: times are passed in. A camera stands still when its frame has matched the reference for SETTLE_S. From then on
preprocess skips frames that match, except one every reread_s seconds, since the comparison cannot see everything. The
reference is a frame that was read, not the frame before, so that a slow change is noticed. The queue keeps references,
because workers share a camera's frames and may restart. Preprocess compares, because only it decodes the JPEG.
"""

from dataclasses import dataclass, replace

from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.pipeline import Gate

SETTLE_S = 0.5  # tracks forget a digit within 0.4 s, so by then they show this scene (shared/vision/tracks.py)


@dataclass(frozen=True, slots=True)
class StillReference:
    """The scene that new frames of a camera are compared with."""

    sketch: bytes  # of the first frame that showed this scene
    reading: Reading  # the latest of this scene
    is_still: bool = False


class StillGate:
    """Keeps the reference of each camera. With reread_s = 0 every frame is read."""

    def __init__(self, reread_s: float) -> None:
        self.reread_s = reread_s
        self._references: dict[str, StillReference] = {}

    def set_gate(self, frame: Frame) -> tuple[Frame, StillReference | None]:
        """Return the frame with its gate and sketch for preprocess, and the reference that it is compared with."""
        if frame.every_frame or not self.reread_s:
            return frame, None
        reference = self._references.get(frame.camera)
        if reference is None:
            return replace(frame, gate=Gate.COMPARE), None
        compare_after_s = self.reread_s if reference.is_still else min(SETTLE_S, self.reread_s)
        is_recent = 0 <= frame.captured_at - reference.reading.captured_at < compare_after_s
        if is_recent and not reference.is_still:
            return frame, None
        return replace(frame, gate=Gate.SKIP if is_recent else Gate.COMPARE, sketch=reference.sketch), reference

    def record_reading(self, gray_frame: GrayFrame, compared_with: StillReference | None, reading: Reading) -> None:
        """Remember the reading of a frame that was compared; answers to an older reference change nothing."""
        reference = self._references.get(gray_frame.camera)
        if gray_frame.sketch:
            self._references[gray_frame.camera] = StillReference(gray_frame.sketch, reading)
        elif reference and compared_with and reference.sketch is compared_with.sketch:
            self._references[gray_frame.camera] = replace(reference, reading=reading, is_still=True)

    def forget_camera(self, camera: str) -> None:
        """Forget the reference of a camera that has left."""
        self._references.pop(camera, None)
