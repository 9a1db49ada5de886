"""What digitcam means to reach on two cores, beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import repeated


@dataclass(frozen=True, slots=True)
class Target:
    """A figure to reach: at least this, better that; higher says which way is better."""

    name: str
    at_least: float
    stretch: float
    higher: bool = True
    unit: str = ""

    def verdict(self, value: float) -> str:
        """Whether a value reaches the target, and the better one."""
        if self.reaches(value, self.stretch):
            return "met, and the stretch"
        return "met" if self.reaches(value, self.at_least) else "**not met**"

    def reaches(self, value: float, bound: float) -> bool:
        """Whether a value is as good as a bound."""
        return value >= bound if self.higher else value <= bound


TARGETS = {
    "cameras": Target("cameras at 30 frames/s, every frame read, inference=1 or 2, age p99 at most 100 ms", 12, 32),
    "cameras_60": Target("the same with age p99 at most 60 ms", 12, 32),
    "efficiency": Target("frames/s over what one loop a core would do, 16 cameras", 0.75, 0.9),
    "still": Target("cameras at 30 frames/s that see a still page", 32, 64),
    "overload_age": Target("age p99 at twice the load that fits", 120, 60, higher=False, unit="ms"),
    "best_peer": Target("frames/s over the best peer's, 16 cameras", 2, 4, unit="x"),
    "pubsub_age": Target("age p99 over that of imagezmq PUB/SUB, at twice the load that fits", 0.1, 0.02, higher=False),
    "share_of_bare": Target("pages/s of the inference worker over the bare networks', 16 pages", 0.8, 0.95),
    "memory": Target("memory of the whole pipeline, 4 cameras", 600, 400, higher=False, unit="MB"),
    "fairness": Target("Jain's fairness at twice the load that fits", 0.95, 0.99),
    "start": Target("`honcho start` to the first reading, 4 cameras", 3.0, 1.5, higher=False, unit="s"),
    "page": Target("display with the page in one browser, 4 cameras, of a core", 0.15, 0.1, higher=False),
}


def to_row(target: Target, values: Sequence[float]) -> tuple[str, ...]:
    """A row of the table: target, at least, stretch, measured, spread, n, verdict; the median counts."""
    unit = f" {target.unit}" if target.unit else ""
    bounds = target.name, f"{target.at_least:g}{unit}", f"{target.stretch:g}{unit}"
    if not values:
        return (*bounds, "", "", "0", "**not measured**")
    seen = repeated(values)
    spread = f"{seen.low:.4g} to {seen.high:.4g}" if len(values) > 1 else ""
    return (*bounds, f"{seen.median:.4g}{unit}", spread, str(len(values)), target.verdict(seen.median))
