"""One registry knows which cameras, workers and viewers are alive."""

import pytest

from services.queue.registry import SILENT_AFTER_S, PeerRegistry
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState, Stage

LIVE = CameraReport(camera="cam", state=CameraState.LIVE, detail="", began_at=99.0)


@pytest.mark.parametrize("role", SILENT_AFTER_S)
def test_peer_is_silent_only_after_the_timeout_of_its_role(role: Stage) -> None:
    registry = PeerRegistry()
    if role is Stage.CAPTURE:
        registry.record_report(b"id", LIVE, 0.0)
    else:
        registry.record_client(b"id", role, "worker.1", 0.0)
    assert registry.find_silent(SILENT_AFTER_S[role]) == []
    (silent,) = registry.find_silent(SILENT_AFTER_S[role] + 0.1)
    assert silent.role is role


def test_each_ready_postpones_silence() -> None:
    registry = PeerRegistry()
    assert registry.record_client(b"id", Stage.INFERENCE, "worker.1", 0.0)
    assert not registry.record_client(b"id", Stage.INFERENCE, "worker.1", 2.0)
    assert registry.find_silent(SILENT_AFTER_S[Stage.INFERENCE] + 1.0) == []


def test_removed_client_is_unknown() -> None:
    registry = PeerRegistry()
    registry.record_client(b"id", Stage.DISPLAY, "display.1", 0.0)
    assert (registry.find_name(b"id"), len(registry.viewers())) == ("display.1", 1)
    registry.remove_client("display.1")
    assert (registry.find_name(b"id"), registry.viewers()) == ("", [])


def test_silent_camera_is_marked_down_once() -> None:
    registry = PeerRegistry()
    registry.record_report(b"id", LIVE, 0.0)
    down = registry.mark_down("cam", 5.0)
    assert down
    assert (down.state, down.began_at) == (CameraState.DOWN, 5.0)
    assert registry.mark_down("cam", 6.0) is None


def test_restarted_camera_still_sends_every_frame() -> None:
    registry = PeerRegistry()
    registry.record_report(b"id", LIVE, 0.0)
    registry.cameras["cam"].every_frame = True
    registry.record_report(b"new id", LIVE, 1.0)
    assert registry.cameras["cam"].every_frame
