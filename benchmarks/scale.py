"""digitcam bench scale: how frames a second, age and cost grow from one camera to thirty-two."""

from collections.abc import Sequence
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


def bench(seconds: float, cameras: Sequence[int] = CAMERAS, workers: Sequence[int] = WORKERS) -> dict[str, Any]:
    """A row for each number of inference workers and cameras. Raises UntrustedError."""
    rows = [row(count, inference, max(seconds, FEWEST_S / count)) for inference in workers for count in cameras]
    return {"asked_fps": FPS, "rows": rows}


def row(cameras: int, inference: int, seconds: float) -> dict[str, Any]:
    """One load."""
    result = pipeline.bench(pipeline.Plan(cameras, FPS, seconds, inference))
    cpu = sum(ms for part, ms in result["cpu_ms_per_frame"].items() if part != "bench")
    batch = {"batch": result["batches"]["inference"]["mean_size"], "cpu_ms_per_frame": round(cpu, 3)}
    return {"inference": inference} | {name: result[name] for name in COLUMNS} | batch
