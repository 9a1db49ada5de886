"""Judges a camera by the clock and by its pictures, since a driver may call a dead camera open, and repeat its last."""

from dataclasses import dataclass

BLOCKED_AFTER_S = 1.2  # without a picture; what happens to a camera is on the page within 2 s
FROZEN_AFTER_S = 1.5  # of the very same picture
HUNG_READING_S = 6.0  # FFmpeg ends a silent stream within 3 s: this read will not return
HUNG_OPENING_S = 20.0  # Windows opens some webcams in 10 s


@dataclass(frozen=True, slots=True)
class SourceOpening:
    """The camera is about to be opened again."""

    at: float


@dataclass(frozen=True, slots=True)
class PictureTaken:
    """It gave a picture; equal fingerprints mean equal pictures."""

    at: float
    fingerprint: int


@dataclass(frozen=True, slots=True)
class SourceLost:
    """It could not be opened, or gives no more pictures, and why: a sentence for a person."""

    at: float
    detail: str


@dataclass(frozen=True, slots=True)
class SourceFinished:
    """It is a file, and every picture of it has been read."""

    at: float


SourceEvent = SourceOpening | PictureTaken | SourceLost | SourceFinished


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera's state (of CAMERA_STATES), the last reason for it, and since when it lasts."""

    state: str
    detail: str
    since: float


class CameraWatchdog:
    """What is known of a camera. Pure: it hears events and is asked with the time; times are of one clock, in seconds.

    can_block is False for a source that waits for its reader, can_freeze for one that may show the same picture twice.
    """

    def __init__(self, now: float, can_block: bool, can_freeze: bool) -> None:
        self._can_block, self._can_freeze = can_block, can_freeze
        self._judgement = CameraStatus("connecting", "being opened", now)
        self._heard: SourceEvent = SourceOpening(now)
        self._fingerprint: int | None = None
        self._same_since = now  # or when it was opened again, which ever came last

    def hear(self, event: SourceEvent) -> None:
        """Learn what the camera did."""
        self._heard = event
        match event:
            case SourceOpening(at):
                self._same_since = at
            case PictureTaken(at, fingerprint):
                self._see(at, fingerprint)
            case SourceLost(at, detail):
                self._turn("absent", detail, at)
            case SourceFinished(at):
                self._turn("ended", "every picture has been read", at)

    def _see(self, at: float, fingerprint: int) -> None:
        if fingerprint == self._fingerprint and self._judgement.state in ("live", "frozen"):
            return
        self._fingerprint, self._same_since = fingerprint, at
        self._turn("live", "gives new pictures", at)

    def judge(self, now: float) -> CameraStatus:
        """Say how the camera is. An absent one that is tried again stays absent until it gives a picture."""
        state = self._judgement.state
        if self._can_block and state in ("connecting", "live", "frozen") and self._silent_s(now) > BLOCKED_AFTER_S:
            self._turn("blocked", f"no picture for more than {BLOCKED_AFTER_S} s", now)
        elif state == "live" and self._is_same(now):
            self._turn("frozen", f"the same picture for more than {FROZEN_AFTER_S} s", now)
        return self._judgement

    def needs_reopening(self, now: float) -> bool:
        """Whether the camera is frozen, also after it was opened again."""
        return self._judgement.state == "frozen" and self._is_same(now)

    def is_hung(self, now: float) -> bool:
        """Whether a call into the driver is not going to return."""
        limit = HUNG_OPENING_S if isinstance(self._heard, SourceOpening) else HUNG_READING_S
        return self._can_block and self._silent_s(now) > limit

    def _is_same(self, now: float) -> bool:
        return self._can_freeze and isinstance(self._heard, PictureTaken) and now - self._same_since > FROZEN_AFTER_S

    def _silent_s(self, now: float) -> float:
        """How long the reader has been waiting for the camera; it does not, once that is lost."""
        return now - self._heard.at if isinstance(self._heard, SourceOpening | PictureTaken) else 0.0

    def _turn(self, state: str, detail: str, at: float) -> None:
        since = self._judgement.since if state == self._judgement.state else at
        self._judgement = CameraStatus(state, detail, since)
