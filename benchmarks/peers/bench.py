"""digitcam bench peers: the same films through digitcam and through other software, in the same run."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

from benchmarks.bench_films import cache_folder, make_film
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.measurement import PeerLoad, SilentPeerError, measure_peer
from benchmarks.pipeline import BenchPlan, measure_plan
from benchmarks.trust import Repeat, Row, count_usable_cores, repeat_until_trusted

OURS, FOLLOWING = "digitcam", "digitcam, following"
SAME_COLUMNS = (
    "fps",
    "read_share",
    "followed_share",
    "age_p50_ms",
    "age_p99_ms",
    "fairness",
    "rss_total_mb",
    "pss_total_mb",
    "others",
    "untrusted",
)


def bench_peers(cameras: int, fps: float, seconds: float, repeat: Repeat = repeat_until_trusted) -> Row:
    """Return rows for digitcam, without and with following, and for each peer. Raises DisturbedError.

    Each has as many workers as cores.
    """
    workers = min(count_usable_cores(), cameras)
    plan = BenchPlan(cameras=cameras, fps=fps, seconds=seconds, inference=workers)
    plans = {OURS: plan, FOLLOWING: replace(plan, follow=True)}
    ours = [to_row(name, repeat(partial(measure_plan, each))) for name, each in plans.items()]
    films = tuple(make_film(film, cache_folder()) for film in plan.films())
    load = PeerLoad(films=films, fps=fps, seconds=seconds, workers=workers)
    theirs, missing = measure_all(load, PEERS, repeat)
    return {
        "cameras": cameras,
        "asked_fps": fps,
        "seconds": seconds,
        "rows": [*ours, *theirs],
        "not_installed": missing,
    }


def measure_all(load: PeerLoad, peers: Sequence[Peer], repeat: Repeat) -> tuple[list[Row], list[str]]:
    """Return a row per installed peer, and the packages that are not installed."""
    missing = sorted({peer.package for peer in peers if peer.package and not find_spec(peer.package)})
    rows: list[Row] = []
    for peer in peers:
        if peer.package not in missing:
            try:
                rows.append(repeat(partial(measure_peer, peer, load)))
            except SilentPeerError as error:
                rows.append({"name": peer.name, "failed": str(error)})
    return rows, missing


def to_row(name: str, result: Row) -> Row:
    """Return the pipeline's result as a row of the table."""
    frames = {"frames": round(result["fps"] * result["seconds"])}
    same = {column: result[column] for column in SAME_COLUMNS}
    return {"name": name} | frames | same | {"cpu_ms_per_frame": result["cpu_ms_per_frame_total"]}
