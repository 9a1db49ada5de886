"""What `digitcam bench all` measured, as the values that the targets are about."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.scale import find_most

Results = Mapping[str, Any]
Row = Mapping[str, Any]

OURS = "digitcam"
PUBSUB = "imagezmq PUB/SUB"
FULL, PAGES = 16, 16  # cameras, and pages in a batch, that targets are about
WATCHED = "one viewer"


def values(results: Results) -> dict[str, list[float]]:
    """By target, every value that was measured; empty where none could be."""
    full, overload, four = results["full"], results["overload"], results["four"]
    return {
        "cameras": count_cameras(results["scale"], 100),
        "cameras_60": count_cameras(results["scale"], 60),
        "efficiency": [run["efficiency"] for run in full],
        "still": count_cameras(results["still"], 100),
        "overload_age": [run["age_p99_ms"] for run in overload],
        "best_peer": [gain for table in results["peers"] for gain in over_best_peer(table)],
        "pubsub_age": [ratio for table in results["overload_peers"] for ratio in over_pubsub(table["rows"])],
        "share_of_bare": [row["share_of_bare"] for row in find_worker(results["inference"])],
        "memory": [run["pss_total_mb"] or run["rss_total_mb"] for run in four],
        "fairness": [run["fairness"] for run in overload],
        "start": [run["start_s"] for run in four],
        "page": [row["display_cpu"] for run in results["page"] for row in run["watchers"] if row["watcher"] == WATCHED],
    }


def count_cameras(rows: Iterable[dict[str, Any]], limit_ms: float) -> list[float]:
    """The most cameras that were read completely and were young enough; nothing where nothing was measured."""
    measured = list(rows)
    return [find_most(measured, limit_ms)[0]] if measured else []


def over_best_peer(table: Row) -> list[float]:
    """Our frames a second over the best peer's, in the table of 16 cameras."""
    ours = [row["fps"] for row in table["rows"] if row["name"].startswith(OURS)]
    theirs = [row["fps"] for row in table["rows"] if not row["name"].startswith(OURS) and "failed" not in row]
    return [max(ours) / max(theirs)] if table["cameras"] == FULL and theirs else []


def over_pubsub(rows: Iterable[Row]) -> list[float]:
    """Our age p99 over that of imagezmq PUB/SUB, where that was measured."""
    ages: dict[str, float] = {row["name"]: row["age_p99_ms"] for row in rows if row.get("age_p99_ms")}
    return [ages[OURS] / ages[PUBSUB]] if {OURS, PUBSUB} <= ages.keys() else []


def find_worker(inference: Iterable[Row]) -> list[Row]:
    """The worker's rows of 16 pages."""
    return [row for run in inference for row in run["worker"] if row["pages"] == PAGES]
