"""digitcam bench peers: the same films through digitcam and through other ways to do it, in the same run."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from benchmarks import pipeline
from benchmarks.bench_films import cache_folder, make_film
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.measuring import Load, SilentPeerError, measure
from benchmarks.trust import usable_cores

SAME = ("fps", "read_share", "age_p50_ms", "age_p99_ms", "fairness", "rss_total_mb", "pss_total_mb")


def bench(cameras: int, fps: float, seconds: float) -> dict[str, Any]:
    """A row for digitcam with one and with two inference workers, and one for each peer. Raises UntrustedError."""
    plans = [pipeline.Plan(cameras, fps, seconds, inference=workers) for workers in (1, 2)]
    ours = [to_row(f"digitcam, inference={plan.inference}", pipeline.bench(plan)) for plan in plans]
    films = tuple(make_film(film, cache_folder()) for film in plans[0].films())
    theirs, missing = measure_all(Load(films, fps, seconds, workers=min(usable_cores(), cameras)))
    return {"cameras": cameras, "asked_fps": fps, "seconds": seconds, "rows": ours + theirs, "not_installed": missing}


def measure_all(load: Load, peers: Sequence[Peer] = PEERS) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each peer that is installed, and the packages of those that are not."""
    missing = sorted({peer.needs for peer in peers if peer.needs and not find_spec(peer.needs)})
    return [measure_one(peer, load) for peer in peers if peer.needs not in missing], missing


def measure_one(peer: Peer, load: Load) -> dict[str, Any]:
    """A peer's row; of one that does not read at this load, why."""
    try:
        return measure(peer, load)
    except SilentPeerError as error:
        return {"name": peer.name, "failed": str(error)}


def to_row(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline's result as a row of the table."""
    frames = {"frames": round(result["fps"] * result["seconds"])}
    cpu = sum(ms for part, ms in result["cpu_ms_per_frame"].items() if part != "bench")
    return {"name": name} | frames | {key: result[key] for key in SAME} | {"cpu_ms_per_frame": round(cpu, 3)}
