"""digitcam bench overload: reading at half the speed that is needed, and one camera with ten times as many digits.

The slow stage costs as much for its pages as for its digits, so that a crowded camera asks for more of it than others.
The peers that use PUB/SUB or keep the newest get the same films and the same slow stage, as one worker.
"""

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.bench_films import BenchFilm, cache_folder, make_film
from benchmarks.peers import PEERS
from benchmarks.peers.bench import measure_all, to_row
from benchmarks.peers.measuring import Load
from benchmarks.pipeline import Plan, measure_bare, report
from benchmarks.running import running
from benchmarks.slow import DIGIT_S, PAGE_S
from benchmarks.watching import judge, measure

SPEED = 0.5  # of what is needed
CROWDED, USUAL = 10, 1  # digits
COMPARED = ("imagezmq_reqrep", "imagezmq_pubsub", "imagezmq_threads", "netgear")


def bench(cameras: int, fps: float, seconds: float) -> dict[str, Any]:
    """The pipeline's figures and a row for each peer. Raises UntrustedError."""
    ours, films = bench_pipeline(cameras, fps, seconds), plan_films(cameras, fps)
    load = Load(tuple(make_film(film, cache_folder()) for film in films), fps, seconds, 1, slow_down(films))
    rows, missing = measure_all(load, [peer for peer in PEERS if peer.module in COMPARED])
    return ours | {"speed": SPEED, "rows": [to_row("digitcam", ours), *rows], "not_installed": missing}


def bench_pipeline(cameras: int, fps: float, seconds: float) -> dict[str, Any]:
    """What `bench pipeline` gives, of a pipeline with a slow inference worker. Raises UntrustedError."""
    films = plan_films(cameras, fps)
    paths = [make_film(film, cache_folder()) for film in films]
    lines = {"inference": f"exec {sys.executable} -m benchmarks.slow_inference"}
    with running(paths, {}, lines, slow_down(films)) as pipeline:
        run, settings = measure(pipeline, films, seconds), pipeline.settings
    judge(run)
    return report(Plan(cameras, fps, seconds, digits=USUAL), run, measure_bare(paths, settings))


def plan_films(cameras: int, fps: float) -> list[BenchFilm]:
    """One camera in a crowd, the others with a digit each."""
    return [BenchFilm(0, fps, CROWDED)] + [BenchFilm(seed, fps, USUAL) for seed in range(1, cameras)]


def slow_down(films: Sequence[BenchFilm]) -> dict[str, str]:
    """The environment in which a stage does half of what these films need; half of its time goes to pages."""
    pages_hz = SPEED * sum(film.fps for film in films)
    digits_hz = SPEED * sum(film.fps * film.digits for film in films)
    return {PAGE_S: str(0.5 / pages_hz), DIGIT_S: str(0.5 / digits_hz)}
