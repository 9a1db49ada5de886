"""digitcam bench all: every bench in turn, in under half an hour on two cores. `make bench` writes the results."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import pipeline, report, scale
from benchmarks.environment import describe_environment
from benchmarks.inference import bench_inference
from benchmarks.overload import bench_overload, bench_overloaded_pipeline
from benchmarks.peers.bench import bench_peers
from benchmarks.pipeline import BenchPlan
from benchmarks.trust import DisturbedError
from benchmarks.web import bench_web

TRIES = 3  # a short disturbance should not cost the whole table
REPEATS = 3
SECONDS = 8  # 240 frames of a single camera
SCALE_S = 5
FPS = 30.0
FULL = 16  # cameras: more than two cores can read
STILL = (8, 16, 32)
LIMITS_MS = (100, 60)  # the p99 ages of the goals
REFINEMENTS = 3  # loads tried between the largest that fits and the smallest that does not

Part = Callable[[], Any]


class BenchSession:
    """Runs the parts of the suite; a part that was disturbed each time is recorded with the reason."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()
        self.disturbed: dict[str, str] = {}

    def try_part(self, name: str, part: Part) -> list[Any]:
        """Return the result of a part as a list of one; empty if it was disturbed each time."""
        for _ in range(TRIES):
            print(f"{self.took_s:5d} s  {name}", file=sys.stderr)
            try:
                return [part()]
            except DisturbedError as error:
                print(f"         {error}", file=sys.stderr)
                reason = str(error)
        self.disturbed[name] = reason
        return []

    def repeat_part(self, name: str, part: Part) -> list[Any]:
        """Return the results of several runs of a part."""
        return [result for _ in range(REPEATS) for result in self.try_part(name, part)]

    @property
    def took_s(self) -> int:
        """Seconds since the session began."""
        return round(time.monotonic() - self._began_at)


def bench_all() -> dict[str, Any]:
    """Return the results by part, and under "disturbed" why a part is missing."""
    session = BenchSession()
    four = BenchPlan(cameras=4, fps=FPS, seconds=SECONDS)
    full = BenchPlan(cameras=FULL, fps=FPS, seconds=SECONDS, inference=2)
    results = {
        "inference": session.try_part("inference", partial(bench_inference, digits=3, seconds=0.4)),
        "scale": measure_scale(session, scale.CAMERAS, scale.WORKERS),
        "still": measure_scale(session, STILL, (1,), still=True),
        "four": session.repeat_part("4 cameras", partial(pipeline.bench_pipeline, four)),
        "full": session.repeat_part(f"{FULL} cameras", partial(pipeline.bench_pipeline, full)),
        "overload": session.repeat_part("overload", partial(bench_overloaded_pipeline, 4, FPS, SECONDS)),
        "overload_peers": session.try_part("overload, peers", partial(bench_overload, 4, FPS, SECONDS)),
        "peers": [
            table
            for cameras in (1, 4, FULL)
            for table in session.try_part(f"{cameras}, peers", partial(bench_peers, cameras, FPS, SECONDS))
        ],
        "web": session.repeat_part("web", partial(bench_web, 4, FPS, SECONDS)),
    }
    return {"machine": describe_environment(), "took_s": session.took_s, "disturbed": session.disturbed} | results


def measure_scale(
    session: BenchSession, cameras: Sequence[int], workers: Sequence[int], still: bool = False
) -> list[scale.Row]:
    """Return a row per load, and further rows around the largest load that fits, per number of inference workers."""
    rows = [row for count in workers for number in cameras for row in measure_once(session, number, count, still)]
    for limit_ms in LIMITS_MS:
        for count in workers:
            for _ in range(REFINEMENTS):
                rows += measure_between(session, [row for row in rows if row["inference"] == count], limit_ms, still)
    return rows


def measure_once(session: BenchSession, cameras: int, workers: int, still: bool) -> list[scale.Row]:
    name = f"{cameras} cameras, inference={workers}{', still' if still else ''}"
    return session.try_part(name, partial(scale.measure_load, cameras, workers, SCALE_S, still=still))


def measure_between(session: BenchSession, rows: list[scale.Row], limit_ms: float, still: bool) -> list[scale.Row]:
    """Measure halfway between the most cameras that fit and the next larger load; nothing if these are neighbors."""
    most, workers = scale.find_most_cameras(rows, limit_ms)
    above = [row["cameras"] for row in rows if row["cameras"] > most]
    halfway = (most + min(above, default=most)) // 2
    return measure_once(session, halfway, workers, still) if halfway > most else []


def write_results(results: dict[str, Any], folder: Path) -> None:
    """Write the results as JSON, as a document and as a plot."""
    from benchmarks import plot  # noqa: PLC0415 - matplotlib would be in the memory of every bench

    (folder / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")  # first: it took half an hour
    (folder / "benchmarks.md").write_text(report.write_document(results))
    plot.draw_results(results, folder / "benchmarks.png")
