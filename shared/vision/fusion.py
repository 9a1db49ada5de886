"""Adds the evidence of both networks: the detector sees a digit's surroundings, the classifier its shape.

Log-odds are summed. Two weak scores that agree accept a digit, and one confident network can be overruled. The slant of
the ink is a third source, for 1s only: MNIST has many slanted 1s, but elsewhere a slanted stroke is mostly a slash. The
fourth is what stands beside a candidate, on the same paper: among digits it is one of them, in a word it is a letter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from shared.vision.detection import Detections, log_softmax
from shared.vision.digit import NOT_A_DIGIT

MAX_SLANT = 0.2  # pixels to the right for one up: handwriting slants no further
BARE_SLANT, BARE_UPRIGHT = 0.4, 2.0  # the same, and the bonus of a 1, where a bare stroke is known to be one
# What stands beside a candidate is on its line or the next one, and of about its size. In the size of the larger one:
REACH = (20.0, 2.0)  # from middle to middle, across and down
MIN_SIZE = 0.4  # of the smaller one
MIN_PAPER = 0.6  # of the darker one's paper, as a share of the other's: a thing on the desk does not lie on the sheet
PRIOR = (2.0, 1.0)  # digits and others that are taken to stand beside a candidate, besides those that do


@dataclass(frozen=True, slots=True)
class ClassifierOutput:
    """What the crops of n candidates show: the classifier's log_p (n x 11), and the ink's slant (n) and box (n x 4).

    The slant is in pixels to the right for one up. The boxes are in pixels of the frame. papers (n) is the brightness
    of the paper around them, 0 to 255.
    """

    log_p: NDArray[np.float32]
    slant: NDArray[np.float32]
    boxes: NDArray[np.float32]
    papers: NDArray[np.float32]


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
    Last, beside * the log-odds that what stands beside it is digits, which follow from the odds so far.

    `python -m training.fusion` fits all weights on held-out scenes; then slant, upright, doubt, beside and calibration
    on photographs, since scenes have other shares of 1s, strokes and letters than paper (docs/decisions/0037).
    """

    detector: float = 1.0
    classifier: float = 1.0
    slant: float = 0.0
    bias: float = 0.0
    detector_classes: float = 0.5
    classifier_classes: float = 1.0
    upright: float = 0.0
    doubt: float = 0.0
    beside: float = 0.0
    calibration: Calibration = Calibration()


FITTED = Fusion(
    detector=0.958,
    classifier=0.43,
    slant=-9.0,
    bias=-0.876,
    detector_classes=0.373,
    classifier_classes=0.593,
    upright=0.7,
    doubt=3.0,
    beside=1.5,
    calibration=Calibration(slope=1.964, offset=-3.586),
)


def fuse(
    fusion: Fusion,
    detections: Detections,
    output: ClassifierOutput,
    bare_ones: NDArray[np.bool_] | None = None,
    counts: Sequence[int] = (),
) -> NDArray[np.float64]:
    """Return the log-probabilities (n x 11) of n candidates.

    bare_ones (n) says where a bare stroke is a 1, because nothing but digits is written there. counts says how many of
    the candidates each frame has, one frame after the other; without it they are of one frame.
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
    odds += fusion.doubt * classes.max(axis=1)
    if fusion.beside:
        frames = split_frames(counts or [len(odds)])
        odds += fusion.beside * np.concatenate(
            [judge_neighbours(detections.boxes[one], output.papers[one], odds[one]) for one in frames]
        )
    odds = fusion.calibration.apply(odds)
    is_digit, is_rejected = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    return np.concatenate([classes + is_digit[:, None], is_rejected[:, None]], axis=1)


def split_frames(counts: Sequence[int]) -> Iterator[slice]:
    """Yield the candidates of each frame."""
    return (slice(*ends) for ends in pairwise(accumulate(counts, initial=0)))


def judge_neighbours(
    boxes: NDArray[np.float32], papers: NDArray[np.float32], odds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each candidate (n) the log-odds that those beside it are digits.

    boxes (n x 4), the brightness of their papers (n) and odds (n), the log-odds that each is a digit, are of one frame.
    """
    sizes = boxes[:, 2:].max(axis=1)
    larger = np.maximum.outer(sizes, sizes)
    is_beside = np.minimum.outer(sizes, sizes) > np.float32(MIN_SIZE) * larger
    for axis, reach in enumerate(REACH):
        middles = boxes[:, axis] + boxes[:, axis + 2] / 2
        is_beside &= np.abs(np.subtract.outer(middles, middles)) < np.float32(reach) * larger
    is_beside &= np.minimum.outer(papers, papers) >= np.float32(MIN_PAPER) * np.maximum.outer(papers, papers)
    np.fill_diagonal(is_beside, val=False)
    weights = is_beside.astype(np.float32)
    digits = weights @ np.exp(-np.logaddexp(0, -odds)).astype(np.float32)
    others = weights.sum(axis=1) - digits
    return np.asarray(np.log(PRIOR[0] + digits) - np.log(PRIOR[1] + others), np.float64)
