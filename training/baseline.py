"""The baseline that every figure stands beside: classical finding, and the seed's network of ten answers.

The usual webcam demo's way, done with care.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.networks.runtimes import Network
from shared.vision.digit import NOT_A_DIGIT, Box, Digit
from shared.vision.normaliser import check_range, crop_around, extract_ink, normalise
from training.classical import find_ink

Find = Callable[[NDArray[np.uint8]], list[Box]]

# The seed's network has ten outputs and was shown nothing but digits, so the eleventh logit is a constant: the level
# that 1 in 100 of MNIST's training digits stays under. Scribbles, letters and edges often rise above it too.
NOT_A_DIGIT_LOGIT = 5.5


@dataclass(frozen=True, slots=True)
class ClassicalRecognizer:
    """Reads pages with a network of ten outputs; finding the ink is a function of its own."""

    network: Network
    find: Find = find_ink

    def read(self, pages: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        """Return the digits of each page (h x w uint8, any size), their boxes in the page's pixels.

        The crops of all pages go through the network in one batch. What is more probably not a digit is left out.
        """
        found = [(number, *candidate) for number, page in enumerate(pages) for candidate in self.cut(page)]
        if not found:
            return [()] * len(pages)
        log_p = self.classify(np.stack([image for _, _, image in found]))
        digits: list[list[Digit]] = [[] for _ in pages]
        for (number, box, _), evidence in zip(found, log_p, strict=True):
            if evidence.argmax() != NOT_A_DIGIT:
                digits[number].append(Digit(box, tuple(evidence.tolist())))
        return [tuple(page_digits) for page_digits in digits]

    def cut(self, page: NDArray[np.uint8]) -> list[tuple[Box, NDArray[np.float32]]]:
        """Return the candidates of a page that hold ink: box and normalised image."""
        images = ((box, normalise(extract_ink(crop_around(page, box)))) for box in self.find(page))
        return [(box, image) for box, image in images if image is not None]

    def classify(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return N x 11 natural logarithms of probabilities of N x 28 x 28 normalised images."""
        check_range(images)
        logits = self.network(images[:, None]).astype(np.float64)
        logits = np.pad(logits, ((0, 0), (0, 1)), constant_values=NOT_A_DIGIT_LOGIT)
        return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
