"""digitcam bench scale: frames per second, age and cost from one camera to thirty-two."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.pipeline import BenchPlan, bench_pipeline

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
MIN_CAMERA_S = 8  # cameras x seconds: with less, there are too few frames for a 99th percentile
ALL_READ = 0.999  # the measured time may cut one frame in two

Row = dict[str, Any]


def bench_scale(seconds: float, cameras: Sequence[int] = CAMERAS, workers: Sequence[int] = WORKERS) -> dict[str, Any]:
    """Return a row per number of inference workers and cameras. Raises DisturbedError."""
    rows = [measure_load(count, inference, seconds) for inference in workers for count in cameras]
    return {"asked_fps": FPS, "rows": rows}


def measure_load(cameras: int, inference: int, seconds: float, still: bool = False) -> Row:
    """Return the row of one load. Raises DisturbedError."""
    seconds = max(seconds, MIN_CAMERA_S / cameras)
    plan = BenchPlan(cameras=cameras, fps=FPS, seconds=seconds, inference=inference, still=still)
    result = bench_pipeline(plan)
    cpu_ms = sum(ms for part, ms in result["cpu_ms_per_frame"].items() if part != "bench")
    batch = {"batch": result["batches"]["inference"]["mean_size"], "cpu_ms_per_frame": round(cpu_ms, 3)}
    return {"inference": inference} | {name: result[name] for name in COLUMNS} | batch


def find_most_cameras(rows: Iterable[Row], limit_ms: float) -> tuple[int, int]:
    """Return the most cameras with every frame read and p99 within the limit, and their inference workers."""
    good = [row for row in rows if row["read_share"] >= ALL_READ and row["age_p99_ms"] <= limit_ms]
    best = max(good, key=lambda row: row["cameras"], default={"cameras": 0, "inference": 1})
    return best["cameras"], best["inference"]
