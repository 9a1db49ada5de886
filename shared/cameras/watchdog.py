"""Judges a camera's state by time and by its frames: a driver may report a dead camera as open and repeat its frame."""

from dataclasses import dataclass

from shared.cameras.pace import BLOCKED_S, CALL_S, FROZEN_S, MARGIN, Pace
from shared.pipeline import CameraState

READ_ONCE = "read to its end; `digitcam files` lists what was not read, and with --again reads it once more"


@dataclass(frozen=True, slots=True)
class SourceOpening:
    """The camera is being opened again."""

    at: float


@dataclass(frozen=True, slots=True)
class FrameGrabbed:
    """The camera gave a frame; equal fingerprints mean identical frames, None that it may repeat one."""

    at: float
    fingerprint: int | None


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

    can_block is False for a source that waits for its consumer, can_freeze for one that may repeat a frame. It teaches
    the pace, and takes its limits from there.
    """

    def __init__(self, now: float, *, can_block: bool, can_freeze: bool, pace: Pace | None = None) -> None:
        self._pace = pace or Pace(BLOCKED_S, CALL_S)
        self._changes = Pace()  # of the picture: a server may repeat one until its camera has the next
        self._can_block, self._can_freeze = can_block, can_freeze
        self._status = CameraStatus(CameraState.CONNECTING, "waiting for its first frame", now)
        self._last_event: SourceEvent = SourceOpening(now)
        self._fingerprint: int | None = None
        self._unchanged_since = now  # or since it was reopened, whichever is later

    def handle_event(self, event: SourceEvent) -> None:
        self._last_event = event
        match event:
            case SourceOpening(at):
                self._unchanged_since = at
                self._pace.forget_last()
            case FrameGrabbed(at, fingerprint):
                self._pace.add_frame(at)
                is_new = fingerprint is None or fingerprint != self._fingerprint
                if is_new:
                    self._changes.add_frame(at)
                if is_new or self._status.state not in (CameraState.LIVE, CameraState.FROZEN):
                    self._fingerprint, self._unchanged_since = fingerprint, at
                    self._set_state(CameraState.LIVE, "gives new frames", at)
            case SourceLost(at, detail):
                self._set_state(CameraState.ABSENT, detail, at)
            case SourceFinished(at):
                self._set_state(CameraState.ENDED, READ_ONCE, at)

    def check_status(self, now: float) -> CameraStatus:
        """Return the camera's status. An absent camera that is retried stays absent until it gives a frame."""
        state = self._status.state
        if (
            self._can_block
            and state in (CameraState.CONNECTING, CameraState.LIVE, CameraState.FROZEN)
            and self._waited_s(now) > (limit_s := self._pace.blocked_after_s)
        ):
            self._set_state(CameraState.BLOCKED, f"no frame for more than {limit_s:.1f} s", now)
        elif state == CameraState.LIVE and self._is_unchanged():
            self._set_state(CameraState.FROZEN, f"the same frame for more than {self._frozen_after_s:.1f} s", now)
        return self._status

    def needs_reopening(self) -> bool:
        """Return whether the camera is frozen, and still is some time after it was reopened."""
        return self._status.state == CameraState.FROZEN and self._is_unchanged()

    def is_hung(self, now: float) -> bool:
        """Return whether a call into the driver is not going to return."""
        is_opening = isinstance(self._last_event, SourceOpening)
        return self._can_block and self._waited_s(now) > self._pace.hung_after_s(is_opening=is_opening)

    def _is_unchanged(self) -> bool:
        """Return whether the last frame is the same as one long before it."""
        event = self._last_event
        is_frame = self._can_freeze and isinstance(event, FrameGrabbed)
        return is_frame and event.at - self._unchanged_since > self._frozen_after_s

    @property
    def _frozen_after_s(self) -> float:
        """How long identical frames are normal for this camera."""
        return max(FROZEN_S, self._pace.blocked_after_s, MARGIN * self._changes.usual_pause_s)

    def _waited_s(self, now: float) -> float:
        """Return how long the grabber has been waiting for the driver; 0 while the camera is lost."""
        is_waiting = isinstance(self._last_event, SourceOpening | FrameGrabbed)
        return now - self._last_event.at if is_waiting else 0.0

    def _set_state(self, state: CameraState, detail: str, at: float) -> None:
        began_at = self._status.began_at if state == self._status.state else at
        self._status = CameraStatus(state, detail, began_at)
