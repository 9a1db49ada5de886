"""The queue alone: workers that do nothing answer every frame, and the queue's time becomes frames per second."""

import pytest

from benchmarks.bare_loop import make_frames
from benchmarks.queue_alone import measure_queue
from benchmarks.trivial_inference import DIGITS
from benchmarks.trivial_preprocess import make_blank
from services.inference import to_reading


def test_trivial_workers_answer_as_the_real_ones_do() -> None:
    first, second = make_frames("cam", [b"one", b"two"])
    assert [make_blank(frame).seq for frame in (first, second)] == [0, 1]
    reading = to_reading(make_blank(second), DIGITS)
    assert (reading.camera, reading.seq, len(reading.digits)) == ("cam", 1, 3)


@pytest.mark.slow
def test_queue_passes_on_every_frame_of_two_cameras() -> None:
    result = measure_queue(2, 30.0, 4)
    assert result["fps"] > 30
    assert result["frames_per_s_a_core"] == pytest.approx(1000 / result["queue_ms_per_frame"], rel=0.01)
    assert result["cpu_ms_per_frame"]["inference"] > 0
