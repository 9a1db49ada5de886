"""digitcam bench scale: frames per second, age and cost from one camera to sixty-four, and the queue alone."""

from collections.abc import Iterable, Sequence
from functools import partial

from benchmarks.pipeline import BenchPlan, measure_plan
from benchmarks.queue_alone import bench_queue
from benchmarks.trust import MIN_SAMPLES, Repeat, Row, repeat_until_trusted

CAMERAS = (1, 4, 8, 16, 32, 64)
WORKERS = (1, 2)
QUEUE_CAMERAS = 32  # 960 frames/s: most of what two cores can capture, and the queue's batches are as at high load
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
    "others",
    "untrusted",
)
ALL_READ = 0.999  # the measured time may cut one frame in two


def bench_scale(
    seconds: float,
    cameras: Sequence[int] = CAMERAS,
    workers: Sequence[int] = WORKERS,
    repeat: Repeat = repeat_until_trusted,
) -> Row:
    """Return a row per number of inference workers and cameras, and the queue alone. Raises DisturbedError."""
    rows = [measure_load(count, inference, seconds, repeat) for inference in workers for count in cameras]
    return {
        "asked_fps": FPS,
        "rows": rows,
        "queue": bench_queue(min(QUEUE_CAMERAS, max(cameras)), FPS, seconds, repeat),
    }


def measure_load(
    cameras: int, inference: int, seconds: float, repeat: Repeat = repeat_until_trusted, *, still: bool = False
) -> Row:
    """Return the row of one load. Raises DisturbedError."""
    seconds = max(seconds, 1.2 * MIN_SAMPLES / FPS / cameras)
    plan = BenchPlan(cameras=cameras, fps=FPS, seconds=seconds, inference=inference, still=still)
    result = repeat(partial(measure_plan, plan))
    cpu_ms, total_ms = result["cpu_ms_per_frame"], result["cpu_ms_per_frame_total"]
    return (
        {"inference": inference}
        | {name: result[name] for name in COLUMNS}
        | {
            "batch": result["batches"]["inference"]["mean_size"],
            "cpu_ms_per_frame": total_ms,
            "capture_ms": cpu_ms["capture"],
            "queue_ms": cpu_ms["queue"],
            "queue_share": round(cpu_ms["queue"] / total_ms, 3),
        }
    )


def find_most_cameras(rows: Iterable[Row], limit_ms: float) -> tuple[int, int]:
    """Return the most cameras with every frame read and p99 within the limit, and their inference workers."""
    good = [row for row in rows if row["read_share"] >= ALL_READ and row["age_p99_ms"] <= limit_ms]
    best = max(good, key=lambda row: row["cameras"], default={"cameras": 0, "inference": 1})
    return best["cameras"], best["inference"]
