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


@dataclass(frozen=True, slots=True)
class ClassifierOutput:
    """What the crops of n candidates show: the classifier's log_p (n x 11), and the ink's slant (n) and box (n x 4).

    The slant is in pixels to the right for one up. The boxes are in pixels of the frame.
    """

    log_p: NDArray[np.float32]
    slant: NDArray[np.float32]
    boxes: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """The weight of each source of evidence.

    The log-odds of "a digit" are detector * logit(the detector's score) + classifier * the classifier's log-odds +
    bias. For a 1 they also have slant * (its slant beyond MAX_SLANT), or upright if it slants no further. The logits of
    the classes are detector_classes * the detector's log_p + classifier_classes * the classifier's.

    `python -m training.fusion` fits all but upright on held-out scenes. The scenes have more strokes that are not 1s
    than real pictures do, so upright was chosen on photographs (docs/decisions/0007).
    """

    detector: float = 1.0
    classifier: float = 1.0
    slant: float = 0.0
    bias: float = 0.0
    detector_classes: float = 0.5
    classifier_classes: float = 1.0
    upright: float = 0.0


FITTED = Fusion(
    detector=1.123,
    classifier=0.359,
    slant=-5.703,
    bias=-1.021,
    detector_classes=0.397,
    classifier_classes=0.553,
    upright=0.4,
)


def fuse(fusion: Fusion, detections: Detections, output: ClassifierOutput) -> NDArray[np.float64]:
    """Return the log-probabilities (n x 11) of n candidates."""
    digit_log_p, reject_log_p = output.log_p[:, :NOT_A_DIGIT], output.log_p[:, NOT_A_DIGIT]
    classes = log_softmax(fusion.detector_classes * detections.log_p + fusion.classifier_classes * digit_log_p)
    score = np.clip(detections.scores.astype(np.float64), 1e-6, 1 - 1e-6)
    classifier_odds = np.logaddexp.reduce(digit_log_p.astype(np.float64), axis=1) - reject_log_p
    excess = np.maximum(output.slant - MAX_SLANT, 0)
    stroke = np.where(excess > 0, fusion.slant * excess, fusion.upright) * np.exp(classes[:, 1])
    odds = fusion.detector * np.log(score / (1 - score)) + fusion.classifier * classifier_odds + stroke + fusion.bias
    is_digit, is_rejected = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    return np.concatenate([classes + is_digit[:, None], is_rejected[:, None]], axis=1)
