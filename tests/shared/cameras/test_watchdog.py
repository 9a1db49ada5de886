"""CameraWatchdog: the state it reports at each moment, for every way in which cameras fail."""

import pytest

from shared.cameras.pace import ANSWER_S, HUNG_OPENING_S, OPENING_S, UNKNOWN_S, Pace
from shared.cameras.watchdog import CameraWatchdog, FrameGrabbed, SourceEvent, SourceFinished, SourceLost, SourceOpening
from shared.pipeline import CameraState

Scenario = list[tuple[float, SourceEvent | None, str]]  # time in seconds, event, state after it


def frames(*moments: float) -> Scenario:
    return [(at, FrameGrabbed(at, int(at * 1000)), "live") for at in moments]


SCENARIOS: dict[str, Scenario] = {
    "a camera that gives new frames is live": frames(0.3, 0.6, 1.7, 2.8, 3.9),
    "a camera of one frame in two seconds is live": frames(0.3, 2.3, 4.3, 6.3, 8.3, 10.3),
    "a pause that is not usual is shown": [
        *frames(*(number / 30 for number in range(90))),
        (4.1, None, "live"),
        (4.3, None, "blocked"),
        (6.0, FrameGrabbed(6.0, 1), "live"),
    ],
    "a camera that never answers is blocked within 2 s": [(1.0, None, "connecting"), (1.3, None, "blocked")],
    "a camera that cannot be opened is absent at once": [(0.2, SourceLost(0.2, "not there"), "absent")],
    "an absent camera stays absent while it is retried": [
        (0.2, SourceLost(0.2, "not there"), "absent"),
        (0.5, SourceOpening(0.5), "absent"),
        (2.9, None, "absent"),
        (3.0, SourceLost(3.0, "not there"), "absent"),
        (4.0, SourceOpening(4.0), "absent"),
        (4.2, FrameGrabbed(4.2, 1), "live"),
    ],
    "a read that blocks is noticed within 2 s and the camera is live when it returns": [
        *frames(0.3, 0.4, 0.5, 0.6),
        (1.7, None, "live"),
        (1.9, None, "blocked"),
        (2.5, FrameGrabbed(2.5, 2), "live"),
    ],
    "a camera that repeats a frame is frozen within 2 s": [
        *((at, FrameGrabbed(at, 7), "live") for at in (0.3, 0.7, 1.1, 1.5)),
        (1.9, FrameGrabbed(1.9, 7), "frozen"),
    ],
    "a frozen camera stays frozen through reopening until the frame changes": [
        *((at, FrameGrabbed(at, 7), "live") for at in (0.3, 0.7, 1.1, 1.5)),
        (1.9, FrameGrabbed(1.9, 7), "frozen"),
        (2.2, SourceOpening(2.2), "frozen"),
        (2.4, FrameGrabbed(2.4, 7), "frozen"),
        (2.5, FrameGrabbed(2.5, 8), "live"),
    ],
    "a camera that returns with the frame it was lost with is live for 1.5 s": [
        (0.3, FrameGrabbed(0.3, 7), "live"),
        (0.4, SourceLost(0.4, "unplugged"), "absent"),
        (5.0, SourceOpening(5.0), "absent"),
        *((at, FrameGrabbed(at, 7), "live") for at in (5.2, 5.6, 6.0, 6.4)),
        (6.8, FrameGrabbed(6.8, 7), "frozen"),
    ],
    "a frozen camera whose read blocks is blocked": [
        *((at, FrameGrabbed(at, 7), "live") for at in (0.3, 0.7, 1.1, 1.5)),
        (1.9, FrameGrabbed(1.9, 7), "frozen"),
        (3.2, None, "blocked"),
    ],
    "a file that was read to its end has ended": [
        *frames(0.1),
        (0.2, SourceFinished(0.2), "ended"),
        (9.0, None, "ended"),
    ],
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_state_follows_the_events(scenario: str) -> None:
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    for at, event, state in SCENARIOS[scenario]:
        if event:
            watchdog.handle_event(event)
        assert watchdog.check_status(at).state == state, f"at {at} s"


def test_status_has_the_first_time_and_the_latest_reason_of_its_state() -> None:
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    watchdog.handle_event(SourceLost(0.2, "not there"))
    watchdog.handle_event(SourceOpening(1.0))
    watchdog.handle_event(SourceLost(1.1, "not there either"))
    assert (watchdog.check_status(9.0).began_at, watchdog.check_status(9.0).detail) == (0.2, "not there either")


def test_sources_that_may_repeat_frames_or_wait_never_freeze_or_block() -> None:
    watchdog = CameraWatchdog(0.0, can_block=False, can_freeze=False)
    watchdog.handle_event(FrameGrabbed(0.1, 7))
    watchdog.handle_event(FrameGrabbed(9.0, 7))
    assert watchdog.check_status(9.0).state == CameraState.LIVE
    assert watchdog.check_status(99.0).state == CameraState.LIVE
    assert not watchdog.is_hung(99.0)
    assert not watchdog.needs_reopening()


def test_frozen_camera_is_reopened_once_and_then_given_time() -> None:
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    for at in (0.1, 0.5, 0.9, 1.3, 1.7):
        watchdog.handle_event(FrameGrabbed(at, 7))
    watchdog.check_status(1.7)
    assert watchdog.needs_reopening()
    watchdog.handle_event(SourceOpening(2.0))
    assert not watchdog.needs_reopening()
    watchdog.handle_event(FrameGrabbed(3.0, 7))
    watchdog.check_status(3.0)
    assert not watchdog.needs_reopening()
    watchdog.handle_event(FrameGrabbed(3.6, 7))
    watchdog.check_status(3.6)
    assert watchdog.needs_reopening()


def test_pauses_between_bursts_are_shown_only_until_they_are_usual() -> None:
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    states = []
    for burst in range(6):
        for number in range(9):
            watchdog.handle_event(FrameGrabbed(2.5 * burst + number / 30, number))
        states.append(watchdog.check_status(2.5 * burst + 2.4).state)
    assert states[-2:] == [CameraState.LIVE] * 2


def test_pictures_that_are_repeated_until_the_next_are_frozen_only_until_that_is_usual() -> None:
    """As of a server that sends ten frames a second of a camera that has a picture in five seconds."""
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    states = []
    for tenth in range(400):
        watchdog.handle_event(FrameGrabbed(tenth / 10, tenth // 50))
        states.append(watchdog.check_status(tenth / 10).state)
    assert CameraState.FROZEN in states[:50]
    assert set(states[150:]) == {CameraState.LIVE}
    for tenth in range(400, 530):  # the camera dies, its server does not
        watchdog.handle_event(FrameGrabbed(tenth / 10, 7))
    assert watchdog.check_status(53.0).state == CameraState.FROZEN


def test_source_that_may_repeat_frames_never_freezes() -> None:
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    for number in range(100):
        watchdog.handle_event(FrameGrabbed(number / 5, None))
    assert watchdog.check_status(19.8).state == CameraState.LIVE


def test_camera_that_takes_seconds_to_its_first_frame_is_connecting() -> None:
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True, pace=Pace(OPENING_S))
    assert watchdog.check_status(OPENING_S - 1).state == CameraState.CONNECTING
    assert watchdog.check_status(OPENING_S + 1).state == CameraState.BLOCKED


@pytest.mark.parametrize(
    ("event", "hung_after_s"),
    [
        (FrameGrabbed(0.0, 1), 1.5 * UNKNOWN_S + ANSWER_S),
        (SourceOpening(0.0), OPENING_S + HUNG_OPENING_S),
        (SourceLost(0.0, "not there"), None),
    ],
)
def test_camera_is_hung_only_while_a_driver_call_is_pending(event: SourceEvent, hung_after_s: float | None) -> None:
    watchdog = CameraWatchdog(0.0, can_block=True, can_freeze=True, pace=Pace(OPENING_S))
    watchdog.handle_event(event)
    if hung_after_s is None:
        assert not watchdog.is_hung(1000.0)
    else:
        assert not watchdog.is_hung(hung_after_s - 0.1)
        assert watchdog.is_hung(hung_after_s + 0.1)
