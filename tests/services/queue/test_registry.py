"""One registry knows which cameras, workers and viewers are alive."""

from dataclasses import replace

import pytest

from services.queue.registry import MAX_CLIENTS, SILENT_AFTER_S, PeerRegistry
from shared.messaging.codec import MalformedError
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState, Stage

LIVE = CameraReport(camera="cam", state=CameraState.LIVE, detail="", began_at=99.0)


@pytest.mark.parametrize(
    ("role", "seconds"), [(Stage.CAPTURE, 1.5), (Stage.PREPROCESS, 3.0), (Stage.INFERENCE, 3.0), (Stage.DISPLAY, 3.0)]
)
def test_peer_is_silent_only_after_the_timeout_of_its_role(role: Stage, seconds: float) -> None:
    registry = PeerRegistry()
    if role is Stage.CAPTURE:
        registry.record_report(b"id", LIVE, 0.0)
    else:
        registry.record_client(b"id", role, "worker.1", 0.0)
    assert registry.find_silent(seconds) == []
    (silent,) = registry.find_silent(seconds + 0.1)
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


def test_number_of_workers_and_viewers_is_limited() -> None:
    registry = PeerRegistry()
    for number in range(MAX_CLIENTS):
        registry.record_client(b"id", Stage.INFERENCE, f"worker.{number}", 0.0)
    with pytest.raises(MalformedError, match="more than 256 workers"):
        registry.record_client(b"id", Stage.INFERENCE, "one more", 0.0)
    assert not registry.record_client(b"id", Stage.INFERENCE, "worker.0", 0.0)


def test_number_of_cameras_is_limited() -> None:
    registry = PeerRegistry()
    for number in range(256):
        registry.record_report(b"id", replace(LIVE, camera=f"cam.{number}"), 0.0)
    with pytest.raises(MalformedError, match="more than 256 cameras"):
        registry.record_report(b"id", replace(LIVE, camera="one more"), 0.0)
    assert not registry.record_report(b"id", replace(LIVE, camera="cam.0"), 0.0)


def test_peer_shares_no_memory_until_it_has_said_so() -> None:
    registry = PeerRegistry()
    registry.record_report(b"id", LIVE, 0.0)
    registry.record_client(b"id", Stage.INFERENCE, "worker.1", 0.0)
    assert not registry.cameras["cam"].shares_memory
    assert not registry.clients["worker.1"].shares_memory


def test_new_names_a_second_are_limited() -> None:
    registry, taken = PeerRegistry(), 0
    for number in range(2000):  # in two seconds
        camera = f"cam.{number}"
        try:
            registry.record_report(b"id", replace(LIVE, camera=camera), number / 1000)
        except MalformedError as error:
            assert str(error) == "more than 8 new names a second"  # noqa: PT017 - the others are taken
        else:
            taken += 1
            registry.remove_camera(camera)
    assert taken == pytest.approx(512 + 2 * 8, abs=1)
    assert registry.record_report(b"id", LIVE, 3.0)
