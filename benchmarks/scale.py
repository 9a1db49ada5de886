"""digitcam bench scale: how frames a second, age and cost grow from one camera to thirty-two."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import pipeline

CAMERAS = (1, 2, 4, 8, 16, 32)
WORKERS = (1, 2)
FPS = 30.0
COLUMNS = (
    "cameras",
    "fps",
    "read_share",
    "age_p50_ms",
    "age_p99_ms",
    "fairness",
    "idle",
    "rss_total_mb",
    "pss_total_mb",
)
FEWEST_S = 8  # of one camera: its 30 pictures a second must come to enough for a 99th percentile
EVERY = 0.999  # "every frame read": a hand's breadth is left for the one that the measured time cuts in two

Row = dict[str, Any]


def bench(seconds: float, cameras: Sequence[int] = CAMERAS, workers: Sequence[int] = WORKERS) -> dict[str, Any]:
    """A row for each number of inference workers and cameras. Raises UntrustedError."""
    return {"asked_fps": FPS, "rows": [row(count, inference, seconds) for inference in workers for count in cameras]}


def row(cameras: int, inference: int, seconds: float, still: bool = False) -> Row:
    """One load. Raises UntrustedError."""
    plan = pipeline.Plan(cameras, FPS, max(seconds, FEWEST_S / cameras), inference, still=still)
    result = pipeline.bench(plan)
    cpu = sum(ms for part, ms in result["cpu_ms_per_frame"].items() if part != "bench")
    batch = {"batch": result["batches"]["inference"]["mean_size"], "cpu_ms_per_frame": round(cpu, 3)}
    return {"inference": inference} | {name: result[name] for name in COLUMNS} | batch


def find_most(rows: Iterable[Row], limit_ms: float) -> tuple[int, int]:
    """The most cameras of which every frame was read and was young enough, and with how many inference workers."""
    good = [row for row in rows if row["read_share"] >= EVERY and row["age_p99_ms"] <= limit_ms]
    best = max(good, key=lambda row: row["cameras"], default={"cameras": 0, "inference": 1})
    return best["cameras"], best["inference"]
