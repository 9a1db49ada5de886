"""Reads pages with two networks: one finds digits on the page, one reads each in MNIST's form; their evidence is added.

The finder knows what surrounds a digit, the reader its shape: what neither believes alone is said when both do, and a
letter of a word or a fold of the paper is refused though one of them liked it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT, Digit
from shared.vision.find import Finds, Page, find_digits, log_softmax, make_pyramid
from shared.vision.normalise import check_input, lift_ink, normalise
from shared.vision.read import crop_around

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]

CROP_PX = 56  # digits larger than this are cut from a coarser level: of the 28 pixels the reader sees, 20 are theirs
NO_INK = -6.0  # what the reader would say, as log-odds of a digit, of a crop without ink


@dataclass(frozen=True, slots=True)
class Fusion:
    """How much each witness counts.

    The log-odds of "a digit" are heat * logit(finder's heat) + shape * (reader's log-odds of a digit) + bias; its class
    has the logits found * finder's + read * reader's. Fitted by `python -m training.fusion` on held-out scenes.
    """

    heat: float = 1.0
    shape: float = 1.0
    bias: float = 0.0
    found: float = 0.5
    read: float = 1.0


@dataclass(frozen=True, slots=True)
class FusedReader:
    """Reads pages with a finder and a reader of eleven classes."""

    finder: Network
    reader: Network
    fusion: Fusion = Fusion()

    def read(self, pages: Sequence[Page]) -> list[tuple[Digit, ...]]:
        """Return the digits of each page (h x w uint8, any size), their boxes in the page's pixels.

        Pages of one size go through the finder together, the crops of all pages through the reader in one batch. What
        is more probably not a digit is left out.
        """
        pyramids = [make_pyramid(page) for page in pages]
        finds = self.find(pyramids)
        shapes = self.look(pyramids, finds)
        read: list[tuple[Digit, ...]] = []
        for candidates, seen in zip(finds, shapes, strict=True):
            evidence = fuse(self.fusion, candidates, seen)
            boxes = [(float(x), float(y), float(w), float(h)) for x, y, w, h in candidates.boxes]
            digits = (Digit(box, tuple(log_p)) for box, log_p in zip(boxes, evidence.tolist(), strict=True))
            read.append(tuple(digit for digit in digits if is_digit(digit)))
        return read

    def find(self, pyramids: Sequence[Sequence[Page]]) -> list[Finds]:
        """Return the finder's candidates of each page."""
        found: dict[int, Finds] = {}
        for size in {pyramid[0].shape for pyramid in pyramids}:
            chosen = [index for index, pyramid in enumerate(pyramids) if pyramid[0].shape == size]
            found |= zip(chosen, find_digits(self.finder, [pyramids[index] for index in chosen]), strict=True)
        return [found[index] for index in range(len(pyramids))]

    def look(self, pyramids: Sequence[Sequence[Page]], finds: Sequence[Finds]) -> list[NDArray[np.float32]]:
        """Return the reader's logarithms of probabilities (n x 11) of each page's candidates."""
        images = [
            see(pyramid, box) for pyramid, found in zip(pyramids, finds, strict=True) for box in found.boxes.tolist()
        ]
        log_p = np.full((len(images), NOT_A_DIGIT + 1), np.log(0.1) + NO_INK, np.float32)
        log_p[:, NOT_A_DIGIT] = np.log1p(-np.exp(NO_INK))
        inked = [index for index, image in enumerate(images) if image is not None]
        if inked:
            batch = np.stack([image for image in images if image is not None])
            check_input(batch)
            log_p[inked] = log_softmax(self.reader(batch[:, None]))
        ends = np.cumsum([len(found.boxes) for found in finds])
        return np.split(log_p, ends)[:-1]


def see(pyramid: Sequence[Page], box: Sequence[float]) -> NDArray[np.float32] | None:
    """Return what is in a box of the page, in MNIST's form (28 x 28, 0 to 1); None where there is no ink."""
    x, y, width, height = box
    level = min(max(0, int(np.ceil(np.log2(max(width, height, 1) / CROP_PX)))), len(pyramid) - 1)
    crop = crop_around(pyramid[level], (x / 2**level, y / 2**level, width / 2**level, height / 2**level))
    return normalise(lift_ink(crop)) if crop.size else None


def fuse(fusion: Fusion, finds: Finds, read: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities (n x 11) of candidates, given the reader's (n x 11)."""
    heat = np.clip(finds.heat.astype(np.float64), 1e-6, 1 - 1e-6)
    shape = np.logaddexp.reduce(read[:, :NOT_A_DIGIT].astype(np.float64), axis=1) - read[:, NOT_A_DIGIT]
    odds = fusion.heat * np.log(heat / (1 - heat)) + fusion.shape * shape + fusion.bias
    classes = log_softmax(fusion.found * finds.log_p + fusion.read * read[:, :NOT_A_DIGIT])
    is_digit_log_p, is_none_log_p = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    return np.concatenate([classes + is_digit_log_p[:, None], is_none_log_p[:, None]], axis=1)


def is_digit(digit: Digit) -> bool:
    """Whether something is more probably a digit, whichever, than none."""
    return digit.log_p[NOT_A_DIGIT] < math.log(0.5)
