"""Percentiles that are one of the samples, Jain's fairness, and repeated measurements."""

import pytest

from benchmarks.stats import compute_fairness, compute_percentile_ms


def test_percentile_is_one_of_the_samples() -> None:
    seconds = [number / 1000 for number in range(1, 101)]
    assert compute_percentile_ms(seconds, 50) == 51
    assert compute_percentile_ms(seconds, 99) == 100
    assert compute_percentile_ms([0.002], 99) == 2


def test_percentile_of_nothing_is_none() -> None:
    assert compute_percentile_ms([], 99) is None


@pytest.mark.parametrize(("shares", "index"), [([5, 5, 5, 5], 1.0), ([1, 0, 0, 0], 0.25), ([4, 2], 0.9), ([0, 0], 1.0)])
def test_fairness_is_one_for_equal_shares_and_one_nth_if_one_camera_has_everything(
    shares: list[float], index: float
) -> None:
    assert compute_fairness(shares) == pytest.approx(index)
