"""digitcam bench queue: the CPU time of the queue for a frame, with workers that do nothing else than answer.

Everything but the two workers is real: capture, queue, display, and the bench as a viewer. The queue is one process, so
the inverse of this time is the most that it can pass on, however many cores there are.
"""

import sys
from functools import partial
from pathlib import Path

from benchmarks.bench_films import cache_folder, make_film
from benchmarks.launcher import launch_pipeline
from benchmarks.measurement import measure_pipeline
from benchmarks.pipeline import BenchPlan, make_report
from benchmarks.trust import Repeat, Row, repeat_until_trusted
from shared.pipeline import WORKER_STAGES, Stage

COLUMNS = ("cameras", "asked_fps", "seconds", "fps", "read_share", "age_p50_ms", "age_p99_ms", "others", "untrusted")


def bench_queue(cameras: int, fps: float, seconds: float, repeat: Repeat = repeat_until_trusted) -> Row:
    """Return the queue's CPU time a frame, and the frames per second that one core could pass on."""
    return repeat(partial(measure_queue, cameras, fps, seconds))


def measure_queue(cameras: int, fps: float, seconds: float) -> Row:
    """Measure once. Raises DisturbedError."""
    plan = BenchPlan(cameras=cameras, fps=fps, seconds=seconds)
    films = [make_film(film, cache_folder()) for film in plan.films()]
    lines: dict[str, str] = {
        stage: f"exec {Path(sys.executable)} -m benchmarks.trivial_{stage}" for stage in WORKER_STAGES
    }
    with launch_pipeline(films, lines=lines, settings=plan.settings()) as pipeline:
        report = make_report(plan, measure_pipeline(pipeline, plan.films(), seconds))
    queue_ms = report["cpu_ms_per_frame"][Stage.QUEUE]
    return {name: report[name] for name in COLUMNS} | {
        "queue_ms_per_frame": queue_ms,
        "frames_per_s_a_core": round(1000 / queue_ms),
        "cpu_ms_per_frame": report["cpu_ms_per_frame"],
    }
