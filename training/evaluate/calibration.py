"""Whether a confidence means what it says: of the digits said with 0.8, 8 in 10 should be right."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluate.figures import Figure, make_share
from training.evaluate.photographs import ReadPhotograph

BINS = 10  # of equal width, from 0 to 1


@dataclass(frozen=True, slots=True)
class Bin:
    """Digits of about one confidence: how many, their mean confidence, and how many are right."""

    low: float
    high: float
    count: int
    confidence: float
    right: int

    @property
    def gap(self) -> float:
        """How far the mean confidence is from the share that is right."""
        return abs(self.confidence - self.right / self.count)


def measure_calibration(data: str, method: str, photographs: Sequence[ReadPhotograph]) -> Iterator[Figure]:
    """Yield the expected calibration error of all digits said, and how many of each bin are right."""
    said = [(digit.confidence, each.is_right(i)) for each in photographs for i, digit in enumerate(each.digits)]
    bins = bin_confidences([confidence for confidence, _ in said], [is_right for _, is_right in said])
    if bins:
        yield Figure(data, method, "calibration error", round(expected_error(bins), 4), len(said))
    for one in bins:
        name = f"right, of those said with {one.low:.1f} to {one.high:.1f}"
        yield make_share(data, method, name, hits=one.right, n=one.count)


def bin_confidences(confidences: Sequence[float], is_right: Sequence[bool]) -> list[Bin]:
    """Return the bins that hold anything, the lowest first."""
    values, right = np.array(confidences, np.float64), np.array(is_right, np.bool_)
    places = np.minimum((values * BINS).astype(int), BINS - 1)
    return [
        Bin(
            low=place / BINS,
            high=(place + 1) / BINS,
            count=int((places == place).sum()),
            confidence=float(values[places == place].mean()),
            right=int(right[places == place].sum()),
        )
        for place in np.unique(places).tolist()
    ]


def expected_error(bins: Sequence[Bin]) -> float:
    """Return the mean gap over all digits (Naeini et al., 2015)."""
    return sum(one.count * one.gap for one in bins) / sum(one.count for one in bins)
