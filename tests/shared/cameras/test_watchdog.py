"""The watch over a camera: what it says at which second, for every way in which cameras fail."""

import pytest

from shared.cameras.watchdog import CameraWatchdog, PictureTaken, SourceEvent, SourceFinished, SourceLost, SourceOpening

Story = list[tuple[float, SourceEvent | None, str]]  # at this second this happens, and then the state is this


def pictures(*moments: float) -> Story:
    return [(at, PictureTaken(at, int(at * 1000)), "live") for at in moments]


STORIES: dict[str, Story] = {
    "a camera that gives new pictures is live": pictures(0.3, 0.6, 1.7, 2.8, 3.9),
    "one that never answers is blocked within 2 s": [(1.0, None, "connecting"), (1.3, None, "blocked")],
    "one that cannot be opened is absent at once": [(0.2, SourceLost(0.2, "not there"), "absent")],
    "absent stays absent while it is tried again": [
        (0.2, SourceLost(0.2, "not there"), "absent"),
        (0.5, SourceOpening(0.5), "absent"),
        (2.9, None, "absent"),
        (3.0, SourceLost(3.0, "not there"), "absent"),
        (4.0, SourceOpening(4.0), "absent"),
        (4.2, PictureTaken(4.2, 1), "live"),
    ],
    "a read that blocks is noticed within 2 s and forgiven when it returns": [
        *pictures(0.3),
        (1.4, None, "live"),
        (1.6, None, "blocked"),
        (2.5, PictureTaken(2.5, 2), "live"),
    ],
    "a picture that repeats is frozen within 2 s": [
        (0.3, PictureTaken(0.3, 7), "live"),
        (1.0, PictureTaken(1.0, 7), "live"),
        (1.7, PictureTaken(1.7, 7), "live"),
        (1.9, PictureTaken(1.9, 7), "frozen"),
    ],
    "frozen stays frozen through reopening until the picture changes": [
        (0.3, PictureTaken(0.3, 7), "live"),
        (1.2, PictureTaken(1.2, 7), "live"),
        (1.9, PictureTaken(1.9, 7), "frozen"),
        (2.2, SourceOpening(2.2), "frozen"),
        (2.4, PictureTaken(2.4, 7), "frozen"),
        (2.5, PictureTaken(2.5, 8), "live"),
    ],
    "a camera that comes back with the picture it left with gets its 1.5 s": [
        (0.3, PictureTaken(0.3, 7), "live"),
        (0.4, SourceLost(0.4, "unplugged"), "absent"),
        (5.0, SourceOpening(5.0), "absent"),
        (5.2, PictureTaken(5.2, 7), "live"),
        (6.3, PictureTaken(6.3, 7), "live"),
        (6.8, PictureTaken(6.8, 7), "frozen"),
    ],
    "a frozen camera that then blocks is blocked": [
        (0.3, PictureTaken(0.3, 7), "live"),
        (1.2, PictureTaken(1.2, 7), "live"),
        (1.9, PictureTaken(1.9, 7), "frozen"),
        (3.2, None, "blocked"),
    ],
    "a file that was read to its end has ended": [
        *pictures(0.1),
        (0.2, SourceFinished(0.2), "ended"),
        (9.0, None, "ended"),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_state_follows_the_story(story: str) -> None:
    watch = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    for at, event, state in STORIES[story]:
        if event:
            watch.hear(event)
        assert watch.judge(at).state == state, f"at {at} s"


def test_since_is_when_the_state_began_and_detail_is_why_it_lasts() -> None:
    watch = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    watch.hear(SourceLost(0.2, "not there"))
    watch.hear(SourceOpening(1.0))
    watch.hear(SourceLost(1.1, "not there either"))
    assert (watch.judge(9.0).since, watch.judge(9.0).detail) == (0.2, "not there either")


def test_what_may_repeat_its_picture_does_not_freeze_and_what_waits_for_its_reader_does_not_block() -> None:
    watch = CameraWatchdog(0.0, can_block=False, can_freeze=False)
    watch.hear(PictureTaken(0.1, 7))
    watch.hear(PictureTaken(9.0, 7))
    assert watch.judge(9.0).state == "live"
    assert watch.judge(99.0).state == "live"
    assert not watch.is_hung(99.0)
    assert not watch.needs_reopening(99.0)


def test_a_frozen_camera_is_opened_again_once_and_then_given_time() -> None:
    watch = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    watch.hear(PictureTaken(0.1, 7))
    watch.hear(PictureTaken(1.7, 7))
    watch.judge(1.7)
    assert watch.needs_reopening(1.7)
    watch.hear(SourceOpening(2.0))
    assert not watch.needs_reopening(2.1)
    watch.hear(PictureTaken(3.0, 7))
    watch.judge(3.0)
    assert not watch.needs_reopening(3.0)
    watch.hear(PictureTaken(3.6, 7))
    watch.judge(3.6)
    assert watch.needs_reopening(3.6)


@pytest.mark.parametrize(
    ("event", "hung_after_s"),
    [(PictureTaken(0.0, 1), 6.0), (SourceOpening(0.0), 20.0), (SourceLost(0.0, "not there"), None)],
)
def test_a_call_that_does_not_return_is_hung_only_while_there_is_one(
    event: SourceEvent, hung_after_s: float | None
) -> None:
    watch = CameraWatchdog(0.0, can_block=True, can_freeze=True)
    watch.hear(event)
    hung = [at for at in (5.9, 6.1, 19.9, 20.1, 1000.0) if watch.is_hung(at)]
    assert hung == [at for at in (5.9, 6.1, 19.9, 20.1, 1000.0) if hung_after_s and at > hung_after_s]
