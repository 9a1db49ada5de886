"""What a process held over its life, and by how much that grew. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

# Metrics of cameras that left are kept for 300 s, and the display's memory grows until some 80 cameras have come and
# gone: by 1.1 MB, and by 0.02 MB with the next 30. In a short life the first third is left out.
WARM_UP_S = 1200.0
LONG_S = 1200.0  # a life without its warm-up must be this long, or a slope says nothing
MAX_MB_PER_HOUR = 1.0
MAX_MB_IN_SHORT_LIFE = 10.0
MAX_METRICS_GROWTH = 1.1  # longer numbers, and reasons that came up for the first time


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process holds at a time in seconds. memory_mb is its own, without what it shares with others (USS)."""

    at: float
    memory_mb: float
    descriptors: int
    threads: int
    metrics_bytes: int = 0  # 0 for a process that serves none


@dataclass(frozen=True, slots=True)
class Growth:
    """How a process was, and how it changed between the warm-up and the end of its longest life."""

    life_s: float
    samples: int
    memory_mb: float
    memory_mb_per_hour: float
    descriptors: int
    descriptors_grown: int
    threads: int
    threads_grown: int
    metrics_bytes: int
    metrics_growth: float  # 1 if it stayed as large as it was

    @property
    def problems(self) -> list[str]:
        """What grew more than it may."""
        is_short = self.life_s < LONG_S
        most_mb_per_hour = MAX_MB_IN_SHORT_LIFE * 3600 / self.life_s if is_short else MAX_MB_PER_HOUR
        checks = {
            f"memory {self.memory_mb_per_hour:+.2f} MB an hour": self.memory_mb_per_hour <= most_mb_per_hour,
            f"descriptors {self.descriptors_grown:+d}": self.descriptors_grown <= 0,
            f"threads {self.threads_grown:+d}": self.threads_grown <= 0,
            f"/metrics times {self.metrics_growth:.2f}": is_short or self.metrics_growth <= MAX_METRICS_GROWTH,
        }
        return [problem for problem, is_good in checks.items() if not is_good]


@dataclass(slots=True)
class History:
    """The samples of one process, by its process ID: a worker that is replaced begins a new life."""

    lives: dict[int, list[Sample]] = field(default_factory=dict)

    def add(self, pid: int, sample: Sample) -> None:
        """Add what it holds now."""
        self.lives.setdefault(pid, []).append(sample)

    def measure_growth(self) -> Growth | None:
        """Return the growth over the longest life, without the warm-up; None without two samples of it."""
        life = max(self.lives.values(), key=lambda samples: samples[-1].at - samples[0].at)
        whole_s = life[-1].at - life[0].at
        kept = [sample for sample in life if sample.at - life[0].at >= min(WARM_UP_S, whole_s / 3)]
        return measure_growth(kept) if len(kept) > 1 else None


def measure_growth(samples: Sequence[Sample]) -> Growth:
    """Return the growth between the first and the last third of the samples, and the slope of the memory."""
    third = max(1, len(samples) // 3)
    first, last = samples[:third], samples[-third:]

    def change(name: str) -> int:
        return round(middle(last, name) - middle(first, name))

    return Growth(
        life_s=samples[-1].at - samples[0].at,
        samples=len(samples),
        memory_mb=middle(last, "memory_mb"),
        memory_mb_per_hour=3600 * compute_slope([(sample.at, sample.memory_mb) for sample in samples]),
        descriptors=round(middle(last, "descriptors")),
        descriptors_grown=change("descriptors"),
        threads=round(middle(last, "threads")),
        threads_grown=change("threads"),
        metrics_bytes=round(middle(last, "metrics_bytes")),
        metrics_growth=middle(last, "metrics_bytes") / max(1.0, middle(first, "metrics_bytes")) or 1.0,
    )


def middle(samples: Sequence[Sample], name: str) -> float:
    """Return the median of a value. One viewer or one camera more at the moment of a sample does not count."""
    return float(median(getattr(sample, name) for sample in samples))


def compute_slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median slope of all pairs of points (Theil 1950, Sen 1968): outliers and single steps hardly count."""
    x, y = np.array(points, float).T
    first, second = np.triu_indices(len(points), 1)
    apart = x[second] - x[first]
    slopes = (y[second] - y[first])[apart > 0] / apart[apart > 0]
    return float(np.median(slopes)) if len(slopes) else math.nan


def summarize_growth(histories: Mapping[str, History]) -> dict[str, dict[str, Any]]:
    """Return the growth of each process by name, for JSON."""
    rows = {}
    for name, history in sorted(histories.items()):
        growth = history.measure_growth()
        if growth:
            values = {one: getattr(growth, one) for one in Growth.__slots__}
            rounded = {one: round(value, 2) if isinstance(value, float) else value for one, value in values.items()}
            rows[name] = rounded | {"lives": len(history.lives), "problems": growth.problems}
    return rows
