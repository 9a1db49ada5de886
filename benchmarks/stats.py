"""Statistics: percentiles and fairness."""

from collections.abc import Sequence

import numpy as np


def compute_percentile_ms(seconds: Sequence[float], percent: float) -> float | None:
    """Return a percentile of durations in ms, without interpolation; None if there are no durations."""
    return round(1000 * float(np.percentile(seconds, percent, method="higher")), 2) if len(seconds) else None


def compute_fairness(shares: Sequence[float]) -> float:
    """Return Jain's index of the cameras' shares: 1 if all are equal, 1/n if one of n has everything.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination (DEC-TR-301, 1984).
    """
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0
