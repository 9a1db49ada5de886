"""Frame times are of frames that look as they are named, each kind as often as the others."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import Digit
from training.evaluate import frame_time


class SlowRecognizer:
    """Its own clock advances by a millisecond for a sheet of paper, by three for anything else."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def read(self, grays: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        self.now_s += 0.001 if grays[0].mean() > 180 else 0.003
        return [()]


def test_times_are_of_each_kind_of_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_frames(*greys: int) -> list[NDArray[np.uint8]]:
        return [np.full((4, 4), grey, np.uint8) for grey in greys]

    monkeypatch.setattr(frame_time, "make_digit_frames", lambda: make_frames(200, 10, 200))
    monkeypatch.setattr(frame_time, "make_empty_frames", lambda: make_frames(200))
    monkeypatch.setattr(frame_time, "make_cluttered_frames", lambda: make_frames(10))
    recognizer = SlowRecognizer()
    figures = frame_time.measure_frame_times(recognizer, "us", lambda: recognizer.now_s)
    assert {figure.metric: figure.value for figure in figures} == pytest.approx(
        {
            "5 digits, p50, ms": 1, "5 digits, p99, ms": 3, "empty paper, p50, ms": 1, "empty paper, p99, ms": 1,
            "clutter, p50, ms": 3, "clutter, p99, ms": 3, "clutter over empty paper": 3,
        }
    )  # fmt: skip


def test_frames_are_a_cameras() -> None:
    empty, cluttered = frame_time.make_empty_frames(), frame_time.make_cluttered_frames()
    for frames in (frame_time.make_digit_frames(), empty, cluttered):
        assert [frame.shape for frame in frames] == [(480, 640)] * frame_time.FRAMES
    assert min(frame.mean() for frame in empty) > max(frame.mean() for frame in cluttered)
