"""The result of reading a picture: digits, and the numbers they form."""

import math
from dataclasses import dataclass, replace

NOT_A_DIGIT = 10  # the eleventh class, in log_p and in the networks' outputs

Box = tuple[float, float, float, float]  # x, y, width, height; in pixels of the picture, from its top left corner


@dataclass(frozen=True, slots=True)
class Digit:
    """One character found in one picture.

    log_p has 11 natural logarithms of probabilities: of 0 to 9, then of "not a digit". gap_px is the width of the empty
    paper up to the next digit on its line. It is measured only if that digit is far; 0 if something lies between.
    """

    box: Box
    log_p: tuple[float, ...]
    gap_px: float = 0.0

    @property
    def digit(self) -> int:
        """The most probable of 0 to 9."""
        return max(range(10), key=self.log_p.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of that digit, 0 to 1; all eleven classes sum to 1."""
        return math.exp(self.log_p[self.digit])

    def scaled(self, factor: float) -> "Digit":
        """Return the same digit in a picture of another size."""
        x, y, width, height = self.box
        box = (x * factor, y * factor, width * factor, height * factor)
        return replace(self, box=box, gap_px=self.gap_px * factor)


@dataclass(frozen=True, slots=True)
class Number:
    """Digits that stand together on a line, read from left to right; confidence is 0 to 1."""

    text: str
    confidence: float
    box: Box
