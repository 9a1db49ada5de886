"""digitcam bench peers: the same films through digitcam and through other software, in the same run."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from benchmarks.bench_films import cache_folder, make_film
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.measurement import PeerLoad, SilentPeerError, measure_peer
from benchmarks.pipeline import BenchPlan, bench_pipeline
from benchmarks.trust import count_usable_cores

SAME_COLUMNS = ("fps", "read_share", "age_p50_ms", "age_p99_ms", "fairness", "rss_total_mb", "pss_total_mb")


def bench_peers(cameras: int, fps: float, seconds: float) -> dict[str, Any]:
    """Return rows for digitcam with one and two inference workers, and one per peer. Raises DisturbedError."""
    plans = [BenchPlan(cameras=cameras, fps=fps, seconds=seconds, inference=workers) for workers in (1, 2)]
    ours = [to_row(f"digitcam, inference={plan.inference}", bench_pipeline(plan)) for plan in plans]
    films = tuple(make_film(film, cache_folder()) for film in plans[0].films())
    workers = min(count_usable_cores(), cameras)
    theirs, missing = measure_all(PeerLoad(films=films, fps=fps, seconds=seconds, workers=workers))
    return {"cameras": cameras, "asked_fps": fps, "seconds": seconds, "rows": ours + theirs, "not_installed": missing}


def measure_all(load: PeerLoad, peers: Sequence[Peer] = PEERS) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row per installed peer, and the packages that are not installed."""
    missing = sorted({peer.package for peer in peers if peer.package and not find_spec(peer.package)})
    rows: list[dict[str, Any]] = []
    for peer in peers:
        if peer.package not in missing:
            try:
                rows.append(measure_peer(peer, load))
            except SilentPeerError as error:
                rows.append({"name": peer.name, "failed": str(error)})
    return rows, missing


def to_row(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pipeline's result as a row of the table."""
    frames = {"frames": round(result["fps"] * result["seconds"])}
    cpu_ms = sum(ms for part, ms in result["cpu_ms_per_frame"].items() if part != "bench")
    same = {column: result[column] for column in SAME_COLUMNS}
    return {"name": name} | frames | same | {"cpu_ms_per_frame": round(cpu_ms, 3)}
