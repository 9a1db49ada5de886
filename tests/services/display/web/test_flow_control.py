"""Flow control: pictures of many cameras on a slow line stay fresh, and messages are limited."""

import pytest

from services.display.web.flow_control import SLOW_S, FrameWindow


def ages_on_a_line(cameras: int, picture_s: float, pictures: int = 400) -> list[float]:
    """How old each picture is when painted, if the line carries one in picture_s seconds and cameras take turns."""
    window, now, line_free_at, ages = FrameWindow(), 0.0, 0.0, []
    in_flight: list[tuple[float, float]] = []  # painted at, sent at
    for _ in range(pictures):
        while window.is_open(len(in_flight)) and len(in_flight) < cameras:
            line_free_at = max(line_free_at, now) + picture_s
            in_flight.append((line_free_at, now))
        count = len(in_flight)
        now, sent_at = in_flight.pop(0)
        ages.append(now - sent_at)
        window.record(now - sent_at, count)
    return ages


@pytest.mark.parametrize("cameras", [1, 4, 16, 64])
@pytest.mark.parametrize("picture_s", [0.002, 0.02, 0.1, 0.25])
def test_pictures_on_a_slow_line_are_never_old(cameras: int, picture_s: float) -> None:
    assert max(ages_on_a_line(cameras, picture_s)[10:]) <= SLOW_S + 2 * picture_s


def test_fast_line_carries_a_picture_of_each_camera_at_once() -> None:
    window = FrameWindow()
    for in_flight in range(1, 16):
        window.record(0.02, in_flight)
    assert window.is_open(15)


def test_window_that_is_not_full_does_not_grow() -> None:
    window = FrameWindow()
    for _ in range(1000):
        window.record(0.02, 2)
    window.record(1.0, 2)
    assert not window.is_open(1)


def test_stalled_line_gets_one_picture_at_a_time() -> None:
    window = FrameWindow()
    for _ in range(20):
        window.record(5.0, 1)
    assert window.is_open(0)
    assert not window.is_open(1)
