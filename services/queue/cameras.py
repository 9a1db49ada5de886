"""The cameras: where each answers, how it is, and which of them have fallen silent. Pure, like the work queue."""

from dataclasses import dataclass, replace

from shared.messaging.messages import CameraReport, MalformedError
from shared.pipeline import CameraState

SILENT_AFTER_S = 1.5  # three heartbeats of a capture process; a camera that is gone is on the page within 2 s
MAX_CAMERAS = 256  # each has its own labels in metrics


@dataclass(slots=True)
class ConnectedCamera:
    """A capture process: where it answers, what it last said and when."""

    peer: bytes
    state: CameraReport
    heard_at: float
    every_frame: bool = False


class CameraRegistry:
    """All cameras, by name."""

    def __init__(self) -> None:
        self.cameras: dict[str, ConnectedCamera] = {}

    def hear(self, peer: bytes, state: CameraReport, now: float) -> bool:
        """A camera says how it is; whether that is news. Raises MalformedError where there are too many."""
        known = self.cameras.get(state.camera)
        if known is None and len(self.cameras) >= MAX_CAMERAS:
            raise MalformedError(f"more than {MAX_CAMERAS} cameras")
        self.cameras[state.camera] = ConnectedCamera(peer, state, now, known.every_frame if known else False)
        return known is None or known.state != state

    def leave(self, name: str) -> None:
        """A camera has been taken off the list: nobody waits for it."""
        self.cameras.pop(name, None)

    def lose_silent(self, now: float) -> list[CameraReport]:
        """The news that cameras are down because their processes have not been heard."""
        news = []
        for camera in self.cameras.values():
            if now - camera.heard_at > SILENT_AFTER_S and camera.state.state is not CameraState.DOWN:
                camera.state = replace(
                    camera.state, state=CameraState.DOWN, detail="its capture process is gone", since=now
                )
                news.append(camera.state)
        return news
