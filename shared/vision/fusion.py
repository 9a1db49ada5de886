"""Adds the evidence of both networks: the detector sees a digit's surroundings, the classifier its shape.

Log-odds are summed. Two weak scores that agree accept a digit, and one confident network can be overruled. The slant of
the ink is a third source, for 1s only: MNIST has many slanted 1s, but elsewhere a slanted stroke is mostly a slash.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.vision.detection import Detections, log_softmax
from shared.vision.digit import NOT_A_DIGIT

MAX_SLANT = 0.2  # pixels to the right for one up: handwriting slants no further
BARE_SLANT, BARE_UPRIGHT = 0.4, 2.0  # the same, and the bonus of a 1, where a bare stroke is known to be one


@dataclass(frozen=True, slots=True)
class ClassifierOutput:
    """What the crops of n candidates show: the classifier's log_p (n x 11), and the ink's slant (n) and box (n x 4).

    The slant is in pixels to the right for one up. The boxes are in pixels of the frame.
    """

    log_p: NDArray[np.float32]
    slant: NDArray[np.float32]
    boxes: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A straight line from log-odds to log-odds (Platt scaling), so that of digits said with 0.8, 8 in 10 are right."""

    slope: float = 1.0
    offset: float = 0.0

    def apply(self, odds: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.slope * odds + self.offset, np.float64)

    def invert(self, odds: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((odds - self.offset) / self.slope, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """The weight of each source of evidence.

    The log-odds of "a digit" are detector * logit(the detector's score) + classifier * the classifier's log-odds +
    bias + doubt * log(the most probable class). For a 1 they also have slant * (its slant beyond MAX_SLANT), or upright
    if it slants no further. The logits of the classes are detector_classes * the detector's log_p +
    classifier_classes * the classifier's. What is of a doubtful class is often no digit but a letter, or lies askew.

    `python -m training.fusion` fits all weights on held-out scenes; then upright, doubt and the calibration on
    photographs, since scenes have other shares of 1s, strokes and letters than paper (docs/decisions/0037).
    """

    detector: float = 1.0
    classifier: float = 1.0
    slant: float = 0.0
    bias: float = 0.0
    detector_classes: float = 0.5
    classifier_classes: float = 1.0
    upright: float = 0.0
    doubt: float = 0.0
    calibration: Calibration = Calibration()


FITTED = Fusion(
    detector=1.123,
    classifier=0.359,
    slant=-5.703,
    bias=-1.021,
    detector_classes=0.397,
    classifier_classes=0.553,
    upright=1.0,
    doubt=3.0,
    calibration=Calibration(slope=1.731, offset=-1.401),
)


def fuse(
    fusion: Fusion, detections: Detections, output: ClassifierOutput, bare_ones: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the log-probabilities (n x 11) of n candidates.

    bare_ones (n) says where a bare stroke is a 1, because nothing but digits is written there.
    """
    digit_log_p, reject_log_p = output.log_p[:, :NOT_A_DIGIT], output.log_p[:, NOT_A_DIGIT]
    classes = log_softmax(fusion.detector_classes * detections.log_p + fusion.classifier_classes * digit_log_p)
    score = np.clip(detections.scores.astype(np.float64), 1e-6, 1 - 1e-6)
    classifier_odds = np.logaddexp.reduce(digit_log_p.astype(np.float64), axis=1) - reject_log_p
    is_bare = np.zeros(len(score), np.bool_) if bare_ones is None else bare_ones
    excess = np.maximum(output.slant - np.where(is_bare, BARE_SLANT, MAX_SLANT), 0)
    upright = np.where(is_bare, BARE_UPRIGHT, fusion.upright)
    stroke = np.where(excess > 0, fusion.slant * excess, upright) * np.exp(classes[:, 1])
    odds = fusion.detector * np.log(score / (1 - score)) + fusion.classifier * classifier_odds + stroke + fusion.bias
    odds = fusion.calibration.apply(odds + fusion.doubt * classes.max(axis=1))
    is_digit, is_rejected = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    return np.concatenate([classes + is_digit[:, None], is_rejected[:, None]], axis=1)
