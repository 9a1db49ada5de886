"""The goals of digitcam on two cores, and the figures of `digitcam bench all` that they are compared with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.peers.bench import FOLLOWING, OURS
from benchmarks.scale import find_most_cameras
from benchmarks.trust import Row

Results = Mapping[str, Any]

PUBSUB = "imagezmq PUB/SUB"
PEER_CAMERAS, FULL_BATCH = 32, 16  # the number of cameras, and the batch size, that goals refer to
LIMIT_MS = 60  # age p99
WATCHED = "one viewer"


@dataclass(frozen=True, slots=True)
class BenchGoal:
    """A figure with a bound and a stretch goal; part is the part of the results that it comes from."""

    part: str
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
    "full_share": BenchGoal("full", "16 cameras: share of the frames read", 0.99, 0.999),
    "full_age": BenchGoal("full", "16 cameras: age p99", 60, 40, higher_is_better=False, unit="ms"),
    "full_cpu": BenchGoal("full", "16 cameras: CPU for a frame", 3.6, 3.0, higher_is_better=False, unit="ms"),
    "followed_share": BenchGoal("followed", "16 cameras, following: share of the frames answered", 0.99, 0.999),
    "followed_age": BenchGoal("followed", "16 cameras, following: age p99", 60, 40, higher_is_better=False, unit="ms"),
    "followed_cpu": BenchGoal(
        "followed", "16 cameras, following: CPU for a frame", 2.3, 1.8, higher_is_better=False, unit="ms"
    ),
    "best_peer": BenchGoal("peers", "32 cameras: frames/s relative to the best peer", 1.0, 1.25, unit="x"),
    "peer_age": BenchGoal(
        "peers", "32 cameras: age p99 relative to that peer", 1.0, 0.5, higher_is_better=False, unit="x"
    ),
    "followed_peer": BenchGoal(
        "peers", "32 cameras, following: frames/s relative to the best peer", 1.5, 2.0, unit="x"
    ),
    "cameras": BenchGoal("scale", f"cameras with every frame read, age p99 at most {LIMIT_MS} ms", 15, 18),
    "still": BenchGoal("still", "the same, cameras that do not move", 48, 96),
    "one_age": BenchGoal("scale", "1 camera: age p50", 6, 5, higher_is_better=False, unit="ms"),
    "queue": BenchGoal("queue", "the queue alone: frames/s a core", 8000, 12000),
    "memory_4": BenchGoal(
        "four", "memory (PSS) of the whole pipeline, 4 cameras", 330, 250, higher_is_better=False, unit="MB"
    ),
    "memory_16": BenchGoal("full", "the same, 16 cameras", 550, 400, higher_is_better=False, unit="MB"),
    "share_of_bare": BenchGoal(
        "inference", "frames/s of the inference worker relative to the bare networks, batch of 16", 0.75, 0.9
    ),
    "overload_age": BenchGoal(
        "overload", "age p99 at twice the load that fits", 90, 60, higher_is_better=False, unit="ms"
    ),
    "pubsub_age": BenchGoal(
        "overload_peers",
        "age p99 relative to imagezmq PUB/SUB, at twice the load that fits",
        0.1,
        0.02,
        higher_is_better=False,
    ),
    "fairness": BenchGoal("overload", "Jain's fairness at twice the load that fits", 0.95, 0.99),
    "start": BenchGoal(
        "four", "`honcho start` to the first reading, 4 cameras", 3.0, 1.5, higher_is_better=False, unit="s"
    ),
    "web": BenchGoal(
        "web", "CPU of the display with one browser, 4 cameras, in cores", 0.15, 0.1, higher_is_better=False
    ),
}


def to_row(goal: BenchGoal, values: Sequence[float], *, is_trusted: bool = True) -> tuple[str, ...]:
    """Return a row of the table: goal, bound, stretch, median, spread, n, verdict."""
    unit = f" {goal.unit}" if goal.unit else ""
    bounds = goal.name, f"{goal.bound:g}{unit}", f"{goal.stretch:g}{unit}"
    if not values:
        return (*bounds, "", "", "0", "**not measured**")
    middle = median(values)
    spread = f"{min(values):.4g} to {max(values):.4g}" if len(values) > 1 else ""
    return (
        *bounds,
        f"{middle:.4g}{unit}",
        spread,
        str(len(values)),
        goal.judge(middle) + ("" if is_trusted else ", untrusted"),
    )


def collect_values(results: Results) -> dict[str, list[float]]:
    """Return every measured value by goal; empty if there is none."""
    full, overload, four, scale = results["full"], results["overload"], results["four"], results["scale"]
    workers = [row for run in results["inference"] for row in run["worker"]]
    displays = [row for run in results["web"] for row in run["watchers"]]
    peers = [ratios for table in results["peers"] for ratios in compare_with_best_peer(table, OURS)]
    following = [ratios for table in results["peers"] for ratios in compare_with_best_peer(table, FOLLOWING)]
    followed = results["followed"]
    return {
        "full_share": [run["read_share"] for run in full],
        "full_age": [run["age_p99_ms"] for run in full],
        "full_cpu": [run["cpu_ms_per_frame_total"] for run in full],
        "followed_share": [run["read_share"] + run["followed_share"] for run in followed],
        "followed_age": [run["age_p99_ms"] for run in followed],
        "followed_cpu": [run["cpu_ms_per_frame_total"] for run in followed],
        "best_peer": [speed for speed, _ in peers],
        "followed_peer": [speed for speed, _ in following],
        "peer_age": [age for _, age in peers],
        "cameras": count_cameras(scale),
        "one_age": [min(row["age_p50_ms"] for row in scale if row["cameras"] == 1)] if scale else [],
        "still": count_cameras(results["still"]),
        "queue": [run["frames_per_s_a_core"] for run in results["queue"]],
        "memory_4": [run["pss_total_mb"] or run["rss_total_mb"] for run in four],
        "memory_16": [run["pss_total_mb"] or run["rss_total_mb"] for run in full],
        "share_of_bare": [row["share_of_bare"] for row in workers if row["batch"] == FULL_BATCH],
        "overload_age": [run["age_p99_ms"] for run in overload],
        "pubsub_age": [ratio for table in results["overload_peers"] for ratio in compare_with_pubsub(table["rows"])],
        "fairness": [run["fairness"] for run in overload],
        "start": [run["start_s"] for run in four],
        "web": [row["display_cpu"] for row in displays if row["watcher"] == WATCHED],
    }


def count_cameras(rows: Sequence[Row]) -> list[float]:
    """Return the most cameras with every frame read and p99 within the limit; empty if nothing was measured."""
    return [find_most_cameras(rows, LIMIT_MS)[0]] if rows else []


def compare_with_best_peer(table: Row, name: str) -> list[tuple[float, float]]:
    """Return frames per second and p99 age of our row relative to the peer that reads most, for 32 cameras."""
    rows = {row["name"]: row for row in table["rows"] if "failed" not in row}
    theirs = [row for other, row in rows.items() if other not in {OURS, FOLLOWING}]
    if table["cameras"] != PEER_CAMERAS or not theirs or name not in rows:
        return []
    ours, best = rows[name], max(theirs, key=lambda row: float(row["fps"]))
    return [(ours["fps"] / best["fps"], ours["age_p99_ms"] / best["age_p99_ms"])] if best["age_p99_ms"] else []


def compare_with_pubsub(rows: Iterable[Row]) -> list[float]:
    """Return our p99 age relative to imagezmq PUB/SUB, if both were measured."""
    ages: dict[str, float] = {row["name"]: row["age_p99_ms"] for row in rows if row.get("age_p99_ms")}
    return [ages[OURS] / ages[PUBSUB]] if {OURS, PUBSUB} <= ages.keys() else []
