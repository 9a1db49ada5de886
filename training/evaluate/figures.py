"""A figure of the accuracy table, and the shares that most of them are."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of a method on n items of the data, with its 95 % interval if it is a share.

    source names the part of the data that has one origin (writer, pen and camera); "" is all of it.
    """

    data: str
    method: str
    metric: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    source: str = ""

    def format_value(self) -> str:
        value = f"{self.value:.4f}".rstrip("0").rstrip(".") if self.value < 100 else f"{self.value:.0f}"
        interval = "" if self.low is None else f" ({self.low:.4f} to {self.high:.4f})"
        return f"{value}{interval}, n = {self.n}"


def make_share(data: str, method: str, metric: str, *, hits: float, n: int) -> Figure:
    """Return hits / n with its Wilson interval (1927)."""
    p, z = hits / max(n, 1), 1.96
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Figure(data, method, metric, p, n, middle - reach, middle + reach)
