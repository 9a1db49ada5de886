"""Judges a camera's state by time and by its frames: a driver may report a dead camera as open and repeat its frame."""

from dataclasses import dataclass

from shared.pipeline import CameraState

BLOCKED_AFTER_S = 1.2  # without a frame; a change of state is shown within 2 s
FROZEN_AFTER_S = 1.5  # of identical frames
HUNG_READING_S = 6.0  # FFmpeg ends a silent stream within 3 s, so this read will not return
HUNG_OPENING_S = 20.0  # Windows takes 10 s to open some webcams


@dataclass(frozen=True, slots=True)
class SourceOpening:
    """The camera is being opened again."""

    at: float


@dataclass(frozen=True, slots=True)
class FrameGrabbed:
    """The camera gave a frame; equal fingerprints mean identical frames."""

    at: float
    fingerprint: int


@dataclass(frozen=True, slots=True)
class SourceLost:
    """The camera could not be opened or gives no more frames; detail says why, for users."""

    at: float
    detail: str


@dataclass(frozen=True, slots=True)
class SourceFinished:
    """The camera is a file, and every frame of it has been grabbed."""

    at: float


SourceEvent = SourceOpening | FrameGrabbed | SourceLost | SourceFinished


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera's state (one of CAMERA_STATES), the latest reason for it, and when it began."""

    state: CameraState
    detail: str
    began_at: float


class CameraWatchdog:
    """The state of a camera, derived from its events. Pure: each call gets the time, in seconds of one clock.

    can_block is False for a source that waits for its consumer, can_freeze for one that may repeat a frame.
    """

    def __init__(self, now: float, *, can_block: bool, can_freeze: bool) -> None:
        self._can_block, self._can_freeze = can_block, can_freeze
        self._status = CameraStatus(CameraState.CONNECTING, "being opened", now)
        self._last_event: SourceEvent = SourceOpening(now)
        self._fingerprint: int | None = None
        self._unchanged_since = now  # or since it was reopened, whichever is later

    def handle_event(self, event: SourceEvent) -> None:
        self._last_event = event
        match event:
            case SourceOpening(at):
                self._unchanged_since = at
            case FrameGrabbed(at, fingerprint):
                if fingerprint != self._fingerprint or self._status.state not in (CameraState.LIVE, CameraState.FROZEN):
                    self._fingerprint, self._unchanged_since = fingerprint, at
                    self._set_state(CameraState.LIVE, "gives new frames", at)
            case SourceLost(at, detail):
                self._set_state(CameraState.ABSENT, detail, at)
            case SourceFinished(at):
                self._set_state(CameraState.ENDED, "every frame has been read", at)

    def check_status(self, now: float) -> CameraStatus:
        """Return the camera's status. An absent camera that is retried stays absent until it gives a frame."""
        state = self._status.state
        if (
            self._can_block
            and state in (CameraState.CONNECTING, CameraState.LIVE, CameraState.FROZEN)
            and self._waited_s(now) > BLOCKED_AFTER_S
        ):
            self._set_state(CameraState.BLOCKED, f"no frame for more than {BLOCKED_AFTER_S} s", now)
        elif state == CameraState.LIVE and self._is_unchanged(now):
            self._set_state(CameraState.FROZEN, f"the same frame for more than {FROZEN_AFTER_S} s", now)
        return self._status

    def needs_reopening(self, now: float) -> bool:
        """Return whether the camera is frozen, and still is some time after it was reopened."""
        return self._status.state == CameraState.FROZEN and self._is_unchanged(now)

    def is_hung(self, now: float) -> bool:
        """Return whether a call into the driver is not going to return."""
        limit_s = HUNG_OPENING_S if isinstance(self._last_event, SourceOpening) else HUNG_READING_S
        return self._can_block and self._waited_s(now) > limit_s

    def _is_unchanged(self, now: float) -> bool:
        is_reading = isinstance(self._last_event, FrameGrabbed)
        return self._can_freeze and is_reading and now - self._unchanged_since > FROZEN_AFTER_S

    def _waited_s(self, now: float) -> float:
        """Return how long the grabber has been waiting for the driver; 0 while the camera is lost."""
        is_waiting = isinstance(self._last_event, SourceOpening | FrameGrabbed)
        return now - self._last_event.at if is_waiting else 0.0

    def _set_state(self, state: CameraState, detail: str, at: float) -> None:
        began_at = self._status.began_at if state == self._status.state else at
        self._status = CameraStatus(state, detail, began_at)
