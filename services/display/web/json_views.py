"""The answers for programs as values for JSON, times in ISO 8601 and UTC; openapi.py describes the same."""

from datetime import UTC, datetime
from typing import Any

from services.display.display_state import DisplayFrame
from services.display.web.event_store import Event
from services.display.web.state import CameraView, DashboardState
from services.display.web.wire import encode_reading
from shared.messaging.messages import CameraReport

Values = dict[str, Any]


def to_time(at: float) -> str:
    """Return seconds since 1970 as a time of ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def of_camera(name: str, camera: CameraView, desk: DashboardState, *, is_added: bool) -> Values:
    """Return how a camera is, how fast it goes, and whether it was added here or stands in CAMERAS."""
    shown, state = camera.frame, camera.state
    return {
        "name": name,
        "state": state.state if state else "connecting",
        "detail": state.detail if state else "",
        "since": to_time(desk.wall_time(state.began_at)) if state else None,
        "fps": round(shown.fps, 1) if shown else 0.0,
        "readings_per_s": round(shown.readings_per_s, 1) if shown else 0.0,
        "age_s": round(desk.age_s(shown.captured_at), 4) if shown else None,
        "added": is_added,
    }


def of_state(state: CameraReport, desk: DashboardState) -> Values:
    """Return a camera's change of state."""
    since = to_time(desk.wall_time(state.began_at))
    return {"name": state.camera, "state": state.state, "detail": state.detail, "since": since}


def of_reading(shown: DisplayFrame, desk: DashboardState) -> Values:
    """Return what a camera's frame said."""
    values = encode_reading(shown, shown.captured_at + desk.age_s(shown.captured_at))
    return values | {"captured_at": to_time(desk.wall_time(shown.captured_at))}


def of_event(event: Event) -> Values:
    """Return a number that came, and perhaps left."""
    return {
        "id": event.id,
        "camera": event.camera,
        "number": event.number,
        "appeared_at": to_time(event.appeared_at),
        "left_at": None if event.left_at is None else to_time(event.left_at),
        "confidence": round(event.confidence, 4),
    }
