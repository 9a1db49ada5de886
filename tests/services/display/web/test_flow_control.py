"""The pace of a browser: pictures of many cameras on a slow line stay fresh, and words are rationed."""

import pytest

from services.display.web.flow_control import SLOW_S, FrameWindow, TokenBucket


def ages_on_a_line(cameras: int, picture_s: float, pictures: int = 400) -> list[float]:
    """How old each picture is when painted, if the line carries one in picture_s seconds and cameras take turns."""
    room, now, line_free_at, ages = FrameWindow(), 0.0, 0.0, []
    on_their_way: list[tuple[float, float]] = []  # painted at, sent at
    for _ in range(pictures):
        while room.holds(len(on_their_way)) and len(on_their_way) < cameras:
            line_free_at = max(line_free_at, now) + picture_s
            on_their_way.append((line_free_at, now))
        count = len(on_their_way)
        now, sent_at = on_their_way.pop(0)
        ages.append(now - sent_at)
        room.learn(now - sent_at, count)
    return ages


@pytest.mark.parametrize("cameras", [1, 4, 16, 64])
@pytest.mark.parametrize("picture_s", [0.002, 0.02, 0.1, 0.25])
def test_pictures_on_a_slow_line_are_never_old(cameras: int, picture_s: float) -> None:
    assert max(ages_on_a_line(cameras, picture_s)[10:]) <= SLOW_S + 2 * picture_s


def test_quick_line_carries_a_picture_of_each_camera_at_once() -> None:
    room = FrameWindow()
    for on_their_way in range(1, 16):
        room.learn(0.02, on_their_way)
    assert room.holds(15)


def test_room_that_is_not_used_does_not_grow() -> None:
    room = FrameWindow()
    for _ in range(1000):
        room.learn(0.02, 2)
    room.learn(1.0, 2)
    assert not room.holds(1)


def test_line_that_stood_still_gets_one_picture_at_a_time() -> None:
    room = FrameWindow()
    for _ in range(20):
        room.learn(5.0, 1)
    assert room.holds(0)
    assert not room.holds(1)


def test_allowance_is_spent_and_grows_again() -> None:
    allowance = TokenBucket(per_s=2.0, at_once=3.0, left=3.0, at=0.0)
    assert [allowance.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(0.5), allowance.take(0.5)] == [True, False]
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
