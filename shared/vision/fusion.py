"""Adds two networks' evidence: the detector knows what surrounds a digit, the reader its shape.

What neither believes alone is said when both do, and a letter of a word or a fold of the paper is refused though one of
them liked it. A third witness speaks of 1s alone: the reader has learnt MNIST's, many of which lean as only slashes do
elsewhere, so how far the ink leans counts against a 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.vision.detection import Detections, log_softmax
from shared.vision.digit import NOT_A_DIGIT

SLANT = 0.2  # pixels to the right for one up: as far as people's handwriting leans


@dataclass(frozen=True, slots=True)
class Looks:
    """What the reader makes of candidates: log_p (n x 11), and lean (n), pixels to the right for one up."""

    log_p: NDArray[np.float32]
    lean: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fusion:
    """How much each witness counts.

    The log-odds of "a digit" are heat * logit(detector's heat) + shape * (reader's log-odds of a digit) + bias, and for
    a 1 also lean * (its lean beyond SLANT), or upright where it leans no further; its class has the logits found *
    detector's + read * reader's. Fitted by `python -m training.fusion` on held-out scenes, all but upright: for each 1
    the scenes have more strokes that are none than people write, so it is chosen on photographs (docs/decisions/0007).
    """

    heat: float = 1.0
    shape: float = 1.0
    lean: float = 0.0
    bias: float = 0.0
    found: float = 0.5
    read: float = 1.0
    upright: float = 0.0


FITTED = Fusion(heat=1.123, shape=0.359, lean=-5.703, bias=-1.021, found=0.397, read=0.553, upright=0.4)


def fuse(fusion: Fusion, finds: Detections, looks: Looks) -> NDArray[np.float64]:
    """Return the logarithms of probabilities (n x 11) of candidates."""
    read = looks.log_p
    heat = np.clip(finds.heat.astype(np.float64), 1e-6, 1 - 1e-6)
    shape = np.logaddexp.reduce(read[:, :NOT_A_DIGIT].astype(np.float64), axis=1) - read[:, NOT_A_DIGIT]
    classes = log_softmax(fusion.found * finds.log_p + fusion.read * read[:, :NOT_A_DIGIT])
    beyond = np.maximum(looks.lean - SLANT, 0)
    stroke = np.where(beyond > 0, fusion.lean * beyond, fusion.upright) * np.exp(classes[:, 1])
    odds = fusion.heat * np.log(heat / (1 - heat)) + fusion.shape * shape + stroke + fusion.bias
    is_digit_log_p, is_none_log_p = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    return np.concatenate([classes + is_digit_log_p[:, None], is_none_log_p[:, None]], axis=1)
