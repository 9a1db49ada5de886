"""Asks preprocess to follow digits from a frame that was read, for cameras whose number is settled.

Pure: times are passed in. The rule is in shared/vision/follow_rule.py. The frames that were read are kept by the
preprocess workers that made them gray, so only that worker can follow a camera from one of them.
"""

from dataclasses import dataclass, field, replace

from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.pipeline import Gate
from shared.vision.follow_rule import FollowRule


@dataclass(frozen=True, slots=True)
class FollowReference:
    """A reading whose digits can be followed, and the preprocess worker that has its frame."""

    reading: Reading
    worker: str


@dataclass(slots=True)
class FollowedCamera:
    """What the gate knows of a camera."""

    rule: FollowRule = field(default_factory=FollowRule)
    reference: FollowReference | None = None


class FollowGate:
    """Keeps the last reading of each live camera. If it is off, every frame is read."""

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self._cameras: dict[str, FollowedCamera] = {}

    def set_gate(
        self, frame: Frame, worker: str, *, is_held_back: bool = False
    ) -> tuple[Frame, FollowReference | None]:
        """Return the frame for this preprocess worker, and the reference if it is to follow that one's digits.

        is_held_back: whether cameras wait for leave to send.
        """
        if frame.every_frame or not self.is_on:
            return frame, None
        camera = self._cameras.setdefault(frame.camera, FollowedCamera())
        if frame.gate is not Gate.OPEN:
            return frame, None
        reference = camera.reference
        if not camera.rule.allows(frame.captured_at, is_held_back=is_held_back) or reference is None:
            return frame, None
        if reference.worker != worker:
            camera.rule.record_request(frame.captured_at)
            return frame, None
        boxes = tuple(digit.box for digit in reference.reading.digits)
        return replace(frame, gate=Gate.FOLLOW, read_seq=reference.reading.seq, boxes=boxes), reference

    def find_worker(self, camera: str) -> str:
        """Return the preprocess worker that can follow a camera's digits; "" if none can."""
        known = self._cameras.get(camera)
        return known.reference.worker if known and known.reference else ""

    def record_gray_frame(self, gray_frame: GrayFrame) -> None:
        """Note that a frame will be read."""
        if camera := self._cameras.get(gray_frame.camera):
            camera.rule.record_request(gray_frame.captured_at)

    def record_reading(self, reading: Reading, worker: str) -> None:
        """Remember a reading, and the preprocess worker that has its frame; an older one changes nothing."""
        camera = self._cameras.get(reading.camera)
        if camera and camera.rule.record_reading(reading.digits, reading.captured_at):
            camera.reference = FollowReference(reading, worker)

    def forget_camera(self, camera: str) -> None:
        """Forget a camera that has left."""
        self._cameras.pop(camera, None)
