"""Digits for the tests of what is done with a reading."""

import math

from shared.vision.digit import Box, Digit


def digit_of(digit: int, box: Box = (100, 100, 30, 50), confidence: float = 0.95) -> Digit:
    """A digit read with a confidence; the other ten classes share the rest."""
    rest = math.log((1 - confidence) / 10)
    return Digit(box, tuple(math.log(confidence) if i == digit else rest for i in range(11)))
