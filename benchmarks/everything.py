"""digitcam bench all: every bench in turn, in under half an hour on two cores; `make bench` writes what comes of it."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import inference, machine, overload, page, pipeline, report, scale
from benchmarks.peers import bench as peers
from benchmarks.pipeline import Plan
from benchmarks.trust import UntrustedError

TRIES = 3  # a disturbance of some seconds should not cost the whole table
REPEATS = 3
SECONDS = 8  # 240 pictures of a single camera
SCALE_S = 5
FPS = 30.0
FULL = 16  # cameras: more than two cores can read
STILL = (8, 16, 32)
LIMITS_MS = (100, 60)  # age p99, of the targets
REFINED = 3  # loads tried between the most that fits and the least that does not

Part = Callable[[], Any]


class Session:
    """Results by name; a part that was disturbed every time is a sentence instead."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.disturbed: dict[str, str] = {}

    def try_part(self, name: str, part: Part) -> list[Any]:
        """What a part gives, as a list of one; empty where it was disturbed, which is kept for the end."""
        for _ in range(TRIES):
            print(f"{self.took_s:5d} s  {name}", file=sys.stderr)
            try:
                return [part()]
            except UntrustedError as error:
                print(f"         {error}", file=sys.stderr)
                reason = str(error)
        self.disturbed[name] = reason
        return []

    def repeat(self, name: str, part: Part) -> list[Any]:
        """What a part gives, several times."""
        return [result for _ in range(REPEATS) for result in self.try_part(name, part)]

    @property
    def took_s(self) -> int:
        """Seconds since the beginning."""
        return round(time.monotonic() - self._began)


def bench() -> dict[str, Any]:
    """All results by part, and under "disturbed" why one could not be had."""
    session = Session()
    results = {
        "inference": session.try_part("inference", partial(inference.bench, digits=3, seconds=0.4)),
        "scale": measure_scale(session, scale.CAMERAS, scale.WORKERS),
        "still": measure_scale(session, STILL, (1,), still=True),
        "four": session.repeat("4 cameras", partial(pipeline.bench, Plan(4, FPS, SECONDS))),
        "full": session.repeat(f"{FULL} cameras", partial(pipeline.bench, Plan(FULL, FPS, SECONDS, inference=2))),
        "overload": session.repeat("overload", partial(overload.bench_pipeline, 4, FPS, SECONDS)),
        "overload_peers": session.try_part("overload, peers", partial(overload.bench, 4, FPS, SECONDS)),
        "peers": [
            table
            for n in (1, 4, FULL)
            for table in session.try_part(f"{n}, peers", partial(peers.bench, n, FPS, SECONDS))
        ],
        "page": session.repeat("page", partial(page.bench, 4, FPS, SECONDS)),
    }
    return {"machine": machine.describe(), "took_s": session.took_s, "disturbed": session.disturbed} | results


def measure_scale(
    session: Session, cameras: Sequence[int], workers: Sequence[int], still: bool = False
) -> list[scale.Row]:
    """A row for each load, and some more about the largest that fits, for each number of inference workers."""
    rows = [row for count in workers for n in cameras for row in try_load(session, n, count, still)]
    for limit_ms in LIMITS_MS:
        for count in workers:
            for _ in range(REFINED):
                rows += refine(session, [row for row in rows if row["inference"] == count], limit_ms, still)
    return rows


def try_load(session: Session, cameras: int, workers: int, still: bool) -> list[scale.Row]:
    """The row of one load."""
    name = f"{cameras} cameras, inference={workers}{', still' if still else ''}"
    return session.try_part(name, partial(scale.row, cameras, workers, SCALE_S, still=still))


def refine(session: Session, rows: list[scale.Row], limit_ms: float, still: bool) -> list[scale.Row]:
    """The load halfway between the most cameras that fit and the next number that was tried; none where they touch."""
    most, workers = scale.find_most(rows, limit_ms)
    above = [row["cameras"] for row in rows if row["cameras"] > most]
    halfway = (most + min(above, default=most)) // 2
    return try_load(session, halfway, workers, still) if halfway > most else []


def write(results: dict[str, Any], folder: Path) -> None:
    """Write what was measured, as it is, for people, and as a picture."""
    from benchmarks import plot  # noqa: PLC0415 - matplotlib would be in the memory of every bench

    (folder / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")  # first: it took half an hour
    (folder / "benchmarks.md").write_text(report.write(results))
    plot.draw(results, folder / "benchmarks.png")
