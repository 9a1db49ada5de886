"""Figures from samples: percentiles, fairness, and what a repeated measurement comes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np


@dataclass(frozen=True, slots=True)
class Repeated:
    """A measurement that was made several times."""

    median: float
    low: float
    high: float


def repeated(values: Sequence[float]) -> Repeated:
    """The median of repeated measurements, with the lowest and the highest."""
    return Repeated(median(values), min(values), max(values))


def percentile_ms(seconds: Sequence[float], percent: float) -> float | None:
    """A percentile of durations, in milliseconds; nothing is interpolated, it is one of them. None where none are."""
    return round(1000 * float(np.percentile(seconds, percent, method="higher")), 2) if len(seconds) else None


def fairness(shares: Sequence[float]) -> float:
    """Jain's index of what each camera got: 1 where all got the same, 1/n where one of n got everything.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination (DEC-TR-301, 1984).
    """
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0
