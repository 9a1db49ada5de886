"""The result of reading a picture: digits, and the numbers they form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

# a digit as a row of floats, as messages carry it
ROW_LENGTH = 17
ROW_BOX, ROW_LOG_P, ROW_PAPER = slice(0, 4), slice(4, 15), slice(15, 17)
UNREAD = "?"
NOT_A_DIGIT = 10  # the eleventh class, in log_p and in the networks' outputs

Move = tuple[float, float]  # right, down; in pixels
Box = tuple[float, float, float, float]  # x, y, width, height; in pixels of the picture, from its top left corner


@dataclass(frozen=True, slots=True)
class Digit:
    """One character found in one picture.

    log_p has 11 natural logarithms of probabilities: of 0 to 9, then of "not a digit". gap_px is the width of the empty
    paper up to the next digit on its line. It is measured only if that digit is far; 0 if something lies between.
    unread_px is the distance from the right edge of the box to a character before the next digit that was not read; 0
    if there is none.
    """

    box: Box
    log_p: tuple[float, ...]
    gap_px: float = 0.0
    unread_px: float = 0.0

    def __repr__(self) -> str:
        box = ", ".join(f"{side:.1f}" for side in self.box)
        return f"<Digit {self.digit} {self.confidence:.2f}, box ({box})>"

    @property
    def digit(self) -> int:
        """The most probable of 0 to 9."""
        return max(range(10), key=self.log_p.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of that digit, 0 to 1; all eleven classes sum to 1."""
        return math.exp(self.log_p[self.digit])

    def to_row(self) -> tuple[float, ...]:
        """Return the digit as a row of floats."""
        return (*self.box, *self.log_p, self.gap_px, self.unread_px)

    @classmethod
    def from_row(cls, row: Sequence[float]) -> "Digit":
        """Return the digit of a row that to_row made."""
        x, y, width, height = row[ROW_BOX]
        return cls((x, y, width, height), tuple(row[ROW_LOG_P]), *row[ROW_PAPER])

    def scaled(self, factor: float) -> "Digit":
        """Return the same digit in a picture of another size."""
        x, y, width, height = self.box
        box = (x * factor, y * factor, width * factor, height * factor)
        return Digit(box, self.log_p, self.gap_px * factor, self.unread_px * factor)

    def moved(self, move: Move) -> "Digit":
        """Return the same digit in another place."""
        x, y, width, height = self.box
        return replace(self, box=(x + move[0], y + move[1], width, height))


@dataclass(frozen=True, slots=True)
class Number:
    """Digits that stand together on a line, read from left to right; confidence is 0 to 1.

    In the text, UNREAD stands for a character between two digits that was not read; unread has the place of each.
    """

    text: str
    confidence: float
    box: Box
    unread: tuple[Box, ...] = ()
