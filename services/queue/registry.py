"""Every process that talks to the queue: cameras, workers and viewers, and when each was last heard.

Pure: no sockets and no clock; `now` is passed in, in seconds.
"""

from dataclasses import dataclass, field, replace

from shared.messaging.codec import MalformedError
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState, Stage
from shared.service.token_bucket import TokenBucket

MAX_CAMERAS = 256  # each has its own labels in metrics
MAX_CLIENTS = 256  # the scheduler goes through all workers for each batch
NEW_NAMES_PER_S = 8.0  # after a start with all cameras and workers at once; metrics keep a name for a while
SILENT_AFTER_S = {
    Stage.CAPTURE: 1.5,  # three heartbeats, so that users see within 2 s that a camera is down
    Stage.PREPROCESS: 3.0,  # six heartbeats; no batch takes this long
    Stage.INFERENCE: 3.0,
    Stage.DISPLAY: 3.0,
}


@dataclass(slots=True)
class ConnectedPeer:
    """A process, by the stage it belongs to and its name there."""

    identity: bytes  # its address on the queue's socket, a new one after each restart
    role: Stage
    name: str
    heard_at: float
    shares_memory: bool = field(default=False, kw_only=True)  # with the queue


@dataclass(slots=True)
class CameraPeer(ConnectedPeer):
    """A capture process and the last report of its camera."""

    report: CameraReport
    every_frame: bool


class PeerRegistry:
    """All peers. Cameras stay until they leave; workers and viewers are removed once they are silent."""

    def __init__(self) -> None:
        self.cameras: dict[str, CameraPeer] = {}
        self.clients: dict[str, ConnectedPeer] = {}  # workers and viewers
        self._names: dict[bytes, str] = {}  # of workers and viewers
        burst = float(MAX_CAMERAS + MAX_CLIENTS)
        self._new_names = TokenBucket(rate_per_s=NEW_NAMES_PER_S, capacity=burst, updated_at=0.0)

    def find_name(self, identity: bytes) -> str:
        """Return the name of the worker or viewer at this identity; empty if it is unknown."""
        return self._names.get(identity, "")

    def viewers(self) -> list[ConnectedPeer]:
        """Return the peers that are shown how frames end."""
        return [peer for peer in self.clients.values() if peer.role is Stage.DISPLAY]

    def record_client(self, identity: bytes, role: Stage, name: str, now: float) -> bool:
        """Note that a worker or viewer was heard. Return True if it is new, or new again after remove_client.

        Raises MalformedError if there are too many, or too many new ones.
        """
        if peer := self.clients.get(name):
            peer.heard_at = now
            return False
        if len(self.clients) >= MAX_CLIENTS:
            raise MalformedError(f"more than {MAX_CLIENTS} workers and viewers")
        self._admit_name(now)
        self.clients[name] = ConnectedPeer(identity, role, name, now)
        self._names[identity] = name
        return True

    def remove_client(self, name: str) -> None:
        """Remove a worker or viewer."""
        if peer := self.clients.pop(name, None):
            self._names.pop(peer.identity, None)

    def record_report(self, identity: bytes, report: CameraReport, now: float) -> bool:
        """Note a report, and return whether it is news.

        Raises MalformedError if there are too many cameras, or too many new ones.
        """
        known = self.cameras.get(report.camera)
        if known is None:
            if len(self.cameras) >= MAX_CAMERAS:
                raise MalformedError(f"more than {MAX_CAMERAS} cameras")
            self._admit_name(now)
        every_frame = known.every_frame if known else False
        self.cameras[report.camera] = CameraPeer(identity, Stage.CAPTURE, report.camera, now, report, every_frame)
        return known is None or known.report != report

    def _admit_name(self, now: float) -> None:
        if not self._new_names.take_token(now):
            raise MalformedError(f"more than {NEW_NAMES_PER_S:.0f} new names a second")

    def mark_down(self, name: str, now: float) -> CameraReport | None:
        """Set a silent camera's state to DOWN. Return its report, or None if it was down already."""
        camera = self.cameras[name]
        if camera.report.state is CameraState.DOWN:
            return None
        detail = "its capture process is gone"
        camera.report = replace(camera.report, state=CameraState.DOWN, detail=detail, began_at=now)
        return camera.report

    def remove_camera(self, name: str) -> None:
        """Remove a camera that has left."""
        self.cameras.pop(name, None)

    def find_silent(self, now: float) -> list[ConnectedPeer]:
        """Return the peers that have not been heard for SILENT_AFTER_S of their role."""
        peers = [*self.cameras.values(), *self.clients.values()]
        return [peer for peer in peers if now - peer.heard_at > SILENT_AFTER_S[peer.role]]
