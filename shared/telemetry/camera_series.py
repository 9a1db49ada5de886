"""Forgets the metrics of cameras that are gone, so that /metrics does not grow with every name there ever was."""

from collections.abc import Iterable

from shared.telemetry import metrics

KEPT_S = 300.0  # as long as Prometheus looks back for the last value of a series
CHECK_EVERY_S = 10.0


class CameraSeries:
    """The cameras that this process has metrics of. Pure but for the metrics: time is an argument, in seconds."""

    def __init__(self) -> None:
        self._seen_at: dict[str, float] = {}
        self._checked_at = 0.0

    def note(self, cameras: Iterable[str], now: float) -> None:
        """Note cameras that are here now, and forget those that have been away for KEPT_S."""
        self._seen_at.update(dict.fromkeys(cameras, now))
        if now - self._checked_at < CHECK_EVERY_S:
            return
        self._checked_at = now
        for camera in [name for name, seen_at in self._seen_at.items() if now - seen_at > KEPT_S]:
            del self._seen_at[camera]
            metrics.forget_camera(camera)
