"""What reading a picture gives: digits, and the numbers they form."""

import math
from dataclasses import dataclass

NOT_A_DIGIT = 10  # the eleventh class, in log_p and in the networks' outputs

Box = tuple[float, float, float, float]  # x, y, width, height; pixels of the picture, from its top left corner


@dataclass(frozen=True, slots=True)
class Digit:
    """One character found in one picture.

    log_p has 11 natural logarithms of probabilities: of 0 to 9, then of "not a digit". room is how much empty
    paper there is up to the next digit on its line, in pixels: looked for only where that one is far, and 0 where
    something is between.
    """

    box: Box
    log_p: tuple[float, ...]
    room: float = 0.0

    @property
    def digit(self) -> int:
        """The most probable of 0 to 9."""
        return max(range(10), key=self.log_p.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of that digit, 0 to 1; what "not a digit" holds is taken off."""
        return math.exp(self.log_p[self.digit])

    def scaled(self, factor: float) -> "Digit":
        """The same digit with its box in pixels of another size."""
        x, y, width, height = self.box
        return Digit((x * factor, y * factor, width * factor, height * factor), self.log_p, self.room * factor)


@dataclass(frozen=True, slots=True)
class Number:
    """Digits that stand together on a line, read from left to right; confidence is 0 to 1."""

    text: str
    confidence: float
    box: Box
