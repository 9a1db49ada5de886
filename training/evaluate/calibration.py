"""Whether a confidence means what it says: of the digits said with 0.8, 8 in 10 should be right."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitcam.recognition import FindDigits, read_by
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import Calibration
from shared.vision.recognizer import MIN_LOG_P
from training.evaluate.figures import Figure, make_share
from training.evaluate.photographs import read_photographs

BINS = 10  # of equal width, from 0 to 1
MIN_EVIDENCE_LOG_P = math.log(0.02)
NEWTON_STEPS, RIDGE = 30, 1e-3


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


@dataclass(frozen=True, slots=True)
class Evidence:
    """The n candidates of photographs that may be digits: raw log-odds, the probability of the class, source, truth."""

    odds: NDArray[np.float64]  # before calibration
    class_p: NDArray[np.float64]
    sources: NDArray[np.str_]
    is_right: NDArray[np.bool_]

    def confidences(self, calibration: Calibration) -> NDArray[np.float64]:
        return np.asarray(self.class_p / (1 + np.exp(-calibration.apply(self.odds))), np.float64)

    def select(self, chosen: NDArray[np.bool_]) -> "Evidence":
        return Evidence(self.odds[chosen], self.class_p[chosen], self.sources[chosen], self.is_right[chosen])


def collect_evidence(find: FindDigits, calibration: Calibration, folders: Sequence[Path]) -> Evidence:
    """Return the candidates of all photographs in these folders: what `find` says, also of less than 0.5.

    calibration is the one that the confidences of `find` have.
    """
    read = [
        photograph
        for folder in folders
        for photograph in read_photographs(lambda photo: read_by(find, photo).digits, folder)
    ]
    log_p = np.array([digit.log_p for each in read for digit in each.digits]).reshape(-1, NOT_A_DIGIT + 1)
    digit_log_p = np.logaddexp.reduce(log_p[:, :NOT_A_DIGIT], axis=1)
    return Evidence(
        odds=calibration.invert(digit_log_p - log_p[:, NOT_A_DIGIT]),
        class_p=np.exp(log_p[:, :NOT_A_DIGIT].max(axis=1) - digit_log_p),
        sources=np.array([each.source for each in read for _ in each.digits], np.str_),
        is_right=np.array([each.is_right(i) for each in read for i in range(len(each.digits))], np.bool_),
    )


def fit_calibration(evidence: Evidence) -> Calibration:
    """Return the calibration with the least log loss (logistic regression by Newton's method)."""
    features, target = np.stack([evidence.odds, np.ones_like(evidence.odds)], axis=1), evidence.is_right.astype(float)
    weights = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (p - target) + RIDGE * (weights - (1, 0))
        curvature = (features * (p * (1 - p))[:, None]).T @ features + RIDGE * np.eye(2)
        weights -= np.linalg.solve(curvature, slope)
    return Calibration(round(float(weights[0]), 3), round(float(weights[1]), 3))


def leave_sources_out(evidence: Evidence) -> NDArray[np.float64]:
    """Return each candidate's confidence by a calibration that was fitted without the photographs of its source."""
    confidences = np.zeros(len(evidence.odds))
    for source in np.unique(evidence.sources):
        is_of_it = evidence.sources == source
        calibration = fit_calibration(evidence.select(~is_of_it))
        confidences[is_of_it] = evidence.select(is_of_it).confidences(calibration)
    return confidences


def measure_held_out_loss(evidence: Evidence) -> float:
    """Return the log loss of all candidates together, each by a calibration that its source did not choose."""
    confidences = np.clip(leave_sources_out(evidence), 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(evidence.is_right, confidences, 1 - confidences)).sum())


def measure_calibration(data: str, method: str, evidence: Evidence, shipped: Calibration) -> Iterator[Figure]:
    """Yield the error of the confidences said, by the shipped calibration and by one without the digit's source."""
    for name, confidences in (
        ("calibration error", leave_sources_out(evidence)),
        ("calibration error, shipped", evidence.confidences(shipped)),
    ):
        said = confidences >= math.exp(MIN_LOG_P)
        bins = bin_confidences(confidences[said], evidence.is_right[said])
        yield Figure(data, method, name, round(expected_error(bins), 4), int(said.sum()))
    for one in bins:
        yield make_share(data, method, f"right, of {one.low:.1f} to {one.high:.1f}", hits=one.right, n=one.count)


def bin_confidences(values: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Bin]:
    """Return the bins that hold anything, the lowest first."""
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
    return sum(one.count * one.gap for one in bins) / max(1, sum(one.count for one in bins))
