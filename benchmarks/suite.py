"""digitcam bench all: every bench in turn, in under half an hour on two cores. `make bench` writes the results."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import pipeline, report, scale
from benchmarks.environment import describe_environment
from benchmarks.inference import bench_inference
from benchmarks.overload import bench_overload, measure_overloaded_pipeline
from benchmarks.peers.bench import bench_peers
from benchmarks.pipeline import BenchPlan
from benchmarks.queue_alone import bench_queue
from benchmarks.trust import TRIES, DisturbedError, Row, repeat_until_trusted
from benchmarks.web import bench_web

REPEATS = 3
SECONDS = 8  # 240 frames of a single camera
SCALE_S = 5
FPS = 30.0
FULL = 16  # cameras: as many as two cores can read
PEERS = (1, FULL, 32)  # cameras; 32 are more than any peer can read
STILL = (16, 32, 64)
LIMIT_MS = 60  # the p99 age of the goal
REFINEMENTS = 3  # loads tried between the largest that fits and the smallest that does not
RETRY_UNTIL_S = 600  # the suite takes 25 minutes undisturbed, and should not take an hour on a busy machine

Part = Callable[[], Any]


class BenchSession:
    """Runs the parts of the suite; a part that could not be measured is recorded with the reason."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()
        self.failed: dict[str, str] = {}

    def try_part(self, name: str, part: Part) -> list[Any]:
        """Return the result of a part as a list of one; empty if it could not be measured."""
        print(f"{self.took_s:5d} s  {name}", file=sys.stderr)
        try:
            return [part()]
        except DisturbedError as error:
            print(f"         {error}", file=sys.stderr)
            self.failed[name] = str(error)
            return []

    def repeat_part(self, name: str, part: Part) -> list[Any]:
        """Return the results of several runs of a part."""
        return [result for _ in range(REPEATS) for result in self.try_part(name, part)]

    def retry(self, measure: Callable[[], Row]) -> Row:
        """Repeat a disturbed measurement, unless the session has taken long already."""
        return repeat_until_trusted(measure, TRIES if self.took_s < RETRY_UNTIL_S else 1)

    @property
    def took_s(self) -> int:
        """Seconds since the session began."""
        return round(time.monotonic() - self._began_at)


def bench_all() -> dict[str, Any]:
    """Return the results by part, and under "failed" why a part is missing."""
    session = BenchSession()
    retry = session.retry
    four = BenchPlan(cameras=4, fps=FPS, seconds=SECONDS)
    full = BenchPlan(cameras=FULL, fps=FPS, seconds=SECONDS, inference=2)
    followed = replace(full, follow=True)
    overload = partial(measure_overloaded_pipeline, 4, FPS, SECONDS)
    results = {
        "inference": session.try_part("inference", partial(bench_inference, 3, 0.4, retry)),
        "scale": measure_scale(session, scale.CAMERAS, scale.WORKERS),
        "still": measure_scale(session, STILL, (1,), still=True),
        "queue": session.repeat_part("queue", partial(bench_queue, scale.QUEUE_CAMERAS, FPS, SCALE_S, retry)),
        "four": session.repeat_part("4 cameras", partial(pipeline.bench_pipeline, four, retry)),
        "full": session.repeat_part(f"{FULL} cameras", partial(pipeline.bench_pipeline, full, retry)),
        "followed": session.repeat_part(
            f"{FULL} cameras, following", partial(pipeline.bench_pipeline, followed, retry)
        ),
        "overload": session.repeat_part("overload", partial(retry, overload)),
        "overload_peers": session.try_part("overload, peers", partial(bench_overload, 4, FPS, SECONDS, retry)),
        "peers": [
            table
            for cameras in PEERS
            for table in session.try_part(f"{cameras}, peers", partial(bench_peers, cameras, FPS, SECONDS, retry))
        ],
        "web": session.repeat_part("web", partial(bench_web, 4, FPS, SECONDS, retry)),
    }
    return {"machine": describe_environment(), "took_s": session.took_s, "failed": session.failed} | results


def measure_scale(
    session: BenchSession, cameras: Sequence[int], workers: Sequence[int], still: bool = False
) -> list[Row]:
    """Return a row per load, and further rows around the largest load that fits, per number of inference workers."""
    rows = [row for count in workers for number in cameras for row in measure_once(session, number, count, still)]
    for count in workers:
        for _ in range(REFINEMENTS):
            rows += measure_between(session, [row for row in rows if row["inference"] == count], still)
    return rows


def measure_once(session: BenchSession, cameras: int, workers: int, still: bool) -> list[Row]:
    name = f"{cameras} cameras, inference={workers}{', still' if still else ''}"
    return session.try_part(name, partial(scale.measure_load, cameras, workers, SCALE_S, session.retry, still=still))


def measure_between(session: BenchSession, rows: list[Row], still: bool) -> list[Row]:
    """Measure halfway between the most cameras that fit and the next larger load; nothing if these are neighbors."""
    most, workers = scale.find_most_cameras(rows, LIMIT_MS)
    above = [row["cameras"] for row in rows if row["cameras"] > most]
    halfway = (most + min(above, default=most)) // 2
    return measure_once(session, halfway, workers, still) if halfway > most else []


def write_results(results: dict[str, Any], folder: Path) -> None:
    """Write the results as JSON, as a document and as a plot."""
    from benchmarks import plot  # noqa: PLC0415 - matplotlib would be in the memory of every bench

    (folder / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")  # first: it took half an hour
    (folder / "benchmarks.md").write_text(report.write_document(results))
    plot.draw_results(results, folder / "benchmarks.png")
