"""Figures: percentiles that are among the samples, and Jain's fairness."""

import pytest

from benchmarks.figures import Repeated, fairness, percentile_ms, repeated


def test_a_percentile_is_one_of_the_samples_or_above() -> None:
    seconds = [number / 1000 for number in range(1, 101)]
    assert percentile_ms(seconds, 50) == 51
    assert percentile_ms(seconds, 99) == 100
    assert percentile_ms([0.002], 99) == 2


def test_no_samples_have_no_percentile() -> None:
    assert percentile_ms([], 99) is None


@pytest.mark.parametrize(("shares", "index"), [([5, 5, 5, 5], 1.0), ([1, 0, 0, 0], 0.25), ([4, 2], 0.9), ([0, 0], 1.0)])
def test_fairness_is_one_for_equal_shares_and_one_nth_where_one_has_everything(
    shares: list[float], index: float
) -> None:
    assert fairness(shares) == pytest.approx(index)


def test_repeated_measurements_are_a_median_with_their_range() -> None:
    assert repeated([3, 1, 10]) == Repeated(3, 1, 10)
