"""The baseline for every figure: ink found by thresholds, digits classified by the blog post's network.

This is how the usual webcam demo works, with some care: adaptive threshold, connected components, limits on size and
shape. It can't separate ink that touches (ruled lines, the next digit), and takes letters, edges and wrinkles for
candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.networks.runtimes import Network
from shared.vision.digit import NOT_A_DIGIT, Box, Digit
from shared.vision.gray_frame import as_uint8
from shared.vision.normaliser import check_range, crop_around, extract_ink, normalise

Gray = NDArray[np.uint8]
Components = NDArray[np.int32]  # n x 5: x, y, width, height, area in pixels, as OpenCV gives them

NEIGHBOURHOOD = 1 / 20  # of the long side: its mean is the paper; it is wider than any pen's stroke
CONTRAST = 8  # grey levels by which ink differs from its neighbourhood's mean
DARK_GREY = 90  # a frame with a lower median is a blackboard, whose ink is bright

# Limits of a digit. Of MNIST's training digits 999 in 1,000 are at most 1.82 times as wide as high, and none is under
# 0.10; they fill 0.13 to 1.00 of their box, and a thin pen fills less.
MIN_HEIGHT = 1 / 60  # of the long side: 11 px of 640; smaller digits can't be told apart
MIN_ASPECT, MAX_ASPECT = 0.08, 1.8
MIN_FILL, MAX_FILL = 0.08, 0.95
MAX_BOXES = 400  # a frame with more is not writing; the tallest are kept, so that the time for a frame is bounded

# The blog post's network has ten outputs and has seen nothing but digits, so the eleventh logit is a constant: the
# largest logit of 1 in 100 of MNIST's training digits is lower. That of scribbles, letters and edges is often higher.
NOT_A_DIGIT_LOGIT = 5.5


@dataclass(frozen=True, slots=True)
class ClassicalRecognizer:
    network: Network  # with ten outputs

    def read(self, grays: Sequence[Gray]) -> list[tuple[Digit, ...]]:
        """Return the digits of each gray frame (h x w uint8, any size), their boxes in the frame's pixels.

        The crops of all frames go through the network in one batch.
        """
        crops = [(index, *crop) for index, gray in enumerate(grays) for crop in crop_ink(gray)]
        digits: list[list[Digit]] = [[] for _ in grays]
        if crops:
            log_p = self.classify(np.stack([image for _, _, image in crops]))
            for (index, box, _), evidence in zip(crops, log_p, strict=True):
                if evidence.argmax() != NOT_A_DIGIT:
                    digits[index].append(Digit(box, tuple(evidence.tolist())))
        return [tuple(found) for found in digits]

    def classify(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return N x 11 natural logarithms of probabilities of N x 28 x 28 normalised images."""
        check_range(images)
        logits = self.network(images[:, None]).astype(np.float64)
        logits = np.pad(logits, ((0, 0), (0, 1)), constant_values=NOT_A_DIGIT_LOGIT)
        return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def crop_ink(gray: Gray) -> list[tuple[Box, NDArray[np.float32]]]:
    """Return box and normalised image of each candidate that holds ink."""
    images = ((box, normalise(extract_ink(crop_around(gray, box)))) for box in find_ink(gray))
    return [(box, image) for box, image in images if image is not None]


def find_ink(gray: Gray) -> list[Box]:
    """Return the boxes of what may be digits, in pixels of the frame, the tallest first."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask_ink(gray), connectivity=8)
    components = stats[1:].astype(np.int32)  # 0 is the paper
    x, y, w, h, area = components.T
    # a component that the edge cuts is left out: half a digit reads as another digit
    is_whole = (x > 0) & (y > 0) & (x + w < gray.shape[1]) & (y + h < gray.shape[0])
    fill = area / (w * h)
    is_shaped = (w >= MIN_ASPECT * h) & (w <= MAX_ASPECT * h) & (fill >= MIN_FILL) & (fill <= MAX_FILL)
    is_digit = is_shaped & (h >= MIN_HEIGHT * max(gray.shape))
    is_large = np.maximum(w, h) >= MIN_HEIGHT * max(gray.shape) / 2
    digits = join_pieces(components[is_whole & is_digit], components[is_whole & ~is_digit & is_large])
    tallest = digits[np.argsort(-digits[:, cv2.CC_STAT_HEIGHT], kind="stable")][:MAX_BOXES]
    return [(float(x), float(y), float(w), float(h)) for x, y, w, h, _ in tallest]


def mask_ink(gray: Gray) -> Gray:
    """Return 255 where there is ink, 0 where there is paper."""
    dark_on_light = gray if np.median(gray[::4, ::4]) >= DARK_GREY else 255 - gray
    smooth = cv2.GaussianBlur(dark_on_light, (3, 3), 0)
    block = max(3, round(max(gray.shape) * NEIGHBOURHOOD) | 1)  # OpenCV takes odd sizes only
    mask = cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, block, CONTRAST)
    return as_uint8(mask)


def join_pieces(digits: Components, pieces: Components) -> Components:
    """Return the digits, each with the pieces that belong to it: the loose bar of a 5.

    A piece belongs to a digit of at least twice its height, if it lies over, under or in it with two thirds of its
    width, and with a gap of at most a sixth of the digit's height.
    """
    joined = digits.copy()
    x, y, w, h, _ = digits.T
    for piece in pieces:
        px, py, pw, ph, area = piece
        shared = np.minimum(x + w, px + pw) - np.maximum(x, px)
        gap = np.maximum(y, py) - np.minimum(y + h, py + ph)
        near = (shared * 3 >= pw * 2) & (gap * 6 <= h) & (ph * 2 <= h)
        if near.any():
            digit = joined[near.argmax()]
            left, top = np.minimum(digit[:2], piece[:2])
            right, bottom = np.maximum(digit[:2] + digit[2:4], piece[:2] + piece[2:4])
            digit[:] = left, top, right - left, bottom - top, digit[4] + area
    return joined
