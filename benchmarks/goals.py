"""The goals of digitcam on two cores, and the figures of `digitcam bench all` that they are compared with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.scale import find_most_cameras

Results = Mapping[str, Any]
Row = Mapping[str, Any]

OURS = "digitcam"
PUBSUB = "imagezmq PUB/SUB"
FULL_CAMERAS, FULL_BATCH = 16, 16  # the number of cameras, and the batch size, that goals refer to
WATCHED = "one viewer"


@dataclass(frozen=True, slots=True)
class BenchGoal:
    """A figure with a bound and a stretch goal."""

    name: str
    bound: float
    stretch: float
    higher_is_better: bool = True
    unit: str = ""

    def judge(self, value: float) -> str:
        """Return the verdict on a value."""
        if self.is_reached(value, self.stretch):
            return "met, and the stretch"
        return "met" if self.is_reached(value, self.bound) else "**missed**"

    def is_reached(self, value: float, bound: float) -> bool:
        return value >= bound if self.higher_is_better else value <= bound


GOALS = {
    "cameras": BenchGoal("cameras at 30 frames/s, every frame read, inference=1 or 2, age p99 at most 100 ms", 12, 32),
    "cameras_60": BenchGoal("the same with age p99 at most 60 ms", 12, 32),
    "efficiency": BenchGoal("frames/s relative to a bare loop on each core, 16 cameras", 0.75, 0.9),
    "still": BenchGoal("cameras at 30 frames/s that do not move", 32, 64),
    "overload_age": BenchGoal("age p99 at twice the load that fits", 120, 60, higher_is_better=False, unit="ms"),
    "best_peer": BenchGoal("frames/s relative to the best peer, 16 cameras", 2, 4, unit="x"),
    "pubsub_age": BenchGoal(
        "age p99 relative to imagezmq PUB/SUB, at twice the load that fits", 0.1, 0.02, higher_is_better=False
    ),
    "share_of_bare": BenchGoal(
        "frames/s of the inference worker relative to the bare networks, batch of 16", 0.8, 0.95
    ),
    "memory": BenchGoal("memory of the whole pipeline, 4 cameras", 600, 400, higher_is_better=False, unit="MB"),
    "fairness": BenchGoal("Jain's fairness at twice the load that fits", 0.95, 0.99),
    "start": BenchGoal("`honcho start` to the first reading, 4 cameras", 3.0, 1.5, higher_is_better=False, unit="s"),
    "web": BenchGoal("CPU of the display with one browser, 4 cameras, in cores", 0.15, 0.1, higher_is_better=False),
}


def to_row(goal: BenchGoal, values: Sequence[float]) -> tuple[str, ...]:
    """Return a row of the table: goal, bound, stretch, median, spread, n, verdict."""
    unit = f" {goal.unit}" if goal.unit else ""
    bounds = goal.name, f"{goal.bound:g}{unit}", f"{goal.stretch:g}{unit}"
    if not values:
        return (*bounds, "", "", "0", "**not measured**")
    middle = median(values)
    spread = f"{min(values):.4g} to {max(values):.4g}" if len(values) > 1 else ""
    return (*bounds, f"{middle:.4g}{unit}", spread, str(len(values)), goal.judge(middle))


def collect_values(results: Results) -> dict[str, list[float]]:
    """Return every measured value by goal; empty if there is none."""
    full, overload, four = results["full"], results["overload"], results["four"]
    workers = [row for run in results["inference"] for row in run["worker"]]
    displays = [row for run in results["web"] for row in run["watchers"]]
    return {
        "cameras": count_cameras(results["scale"], 100),
        "cameras_60": count_cameras(results["scale"], 60),
        "efficiency": [run["efficiency"] for run in full],
        "still": count_cameras(results["still"], 100),
        "overload_age": [run["age_p99_ms"] for run in overload],
        "best_peer": [ratio for table in results["peers"] for ratio in compare_with_best_peer(table)],
        "pubsub_age": [ratio for table in results["overload_peers"] for ratio in compare_with_pubsub(table["rows"])],
        "share_of_bare": [row["share_of_bare"] for row in workers if row["batch"] == FULL_BATCH],
        "memory": [run["pss_total_mb"] or run["rss_total_mb"] for run in four],
        "fairness": [run["fairness"] for run in overload],
        "start": [run["start_s"] for run in four],
        "web": [row["display_cpu"] for row in displays if row["watcher"] == WATCHED],
    }


def count_cameras(rows: Iterable[dict[str, Any]], limit_ms: float) -> list[float]:
    """Return the most cameras with every frame read and p99 within the limit; empty if nothing was measured."""
    measured = list(rows)
    return [find_most_cameras(measured, limit_ms)[0]] if measured else []


def compare_with_best_peer(table: Row) -> list[float]:
    """Return our frames per second relative to the best peer, for the table of 16 cameras."""
    ours = [row["fps"] for row in table["rows"] if row["name"].startswith(OURS)]
    theirs = [row["fps"] for row in table["rows"] if not row["name"].startswith(OURS) and "failed" not in row]
    return [max(ours) / max(theirs)] if table["cameras"] == FULL_CAMERAS and theirs else []


def compare_with_pubsub(rows: Iterable[Row]) -> list[float]:
    """Return our p99 age relative to imagezmq PUB/SUB, if both were measured."""
    ages: dict[str, float] = {row["name"]: row["age_p99_ms"] for row in rows if row.get("age_p99_ms")}
    return [ages[OURS] / ages[PUBSUB]] if {OURS, PUBSUB} <= ages.keys() else []
