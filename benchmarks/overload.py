"""digitcam bench overload: reading at half the required speed, with one camera that shows ten times as many digits.

The slow stage spends as much time on frames as on digits, so that a crowded camera costs more than the others. The
peers that use PUB/SUB or keep the newest frame get the same films and the same slow stage, as one worker.
"""

import sys
from collections.abc import Sequence
from functools import partial

from benchmarks.bench_films import BenchFilm, cache_folder, make_film
from benchmarks.launcher import launch_pipeline
from benchmarks.measurement import measure_pipeline
from benchmarks.peers import PEERS
from benchmarks.peers.bench import OURS, measure_all, to_row
from benchmarks.peers.measurement import PeerLoad
from benchmarks.pipeline import BenchPlan, make_report
from benchmarks.slow_inference import DIGIT_S, FRAME_S
from benchmarks.trust import Repeat, Row, check_due, repeat_until_trusted
from shared.pipeline import Stage

SPEED = 0.5  # of the speed that the films require
CROWDED, USUAL = 10, 1  # digits
COMPARED = ("imagezmq_reqrep", "imagezmq_pubsub", "imagezmq_threads")


def bench_overload(cameras: int, fps: float, seconds: float, repeat: Repeat = repeat_until_trusted) -> Row:
    """Return the pipeline's figures and a row per peer. Raises DisturbedError."""
    ours, films = repeat(partial(measure_overloaded_pipeline, cameras, fps, seconds)), plan_films(cameras, fps)
    load = PeerLoad(
        films=tuple(make_film(film, cache_folder()) for film in films),
        fps=fps,
        seconds=seconds,
        workers=1,
        slow_environment=make_slow_environment(films),
    )
    rows, missing = measure_all(load, [peer for peer in PEERS if peer.module in COMPARED], repeat)
    return ours | {"speed": SPEED, "rows": [to_row(OURS, ours), *rows], "not_installed": missing}


def measure_overloaded_pipeline(cameras: int, fps: float, seconds: float) -> Row:
    """Return the figures of `bench pipeline` for a pipeline with a slow inference worker. Raises DisturbedError."""
    check_due(SPEED * cameras * fps * seconds)
    films = plan_films(cameras, fps)
    paths = [make_film(film, cache_folder()) for film in films]
    lines: dict[str, str] = {Stage.INFERENCE: f"exec {sys.executable} -m benchmarks.slow_inference"}
    with launch_pipeline(paths, lines=lines, settings=make_slow_environment(films)) as pipeline:
        run = measure_pipeline(pipeline, films, seconds)
    return make_report(BenchPlan(cameras=cameras, fps=fps, seconds=seconds, digits=USUAL), run)


def plan_films(cameras: int, fps: float) -> list[BenchFilm]:
    """Return one film with many digits, the others with one each."""
    return [BenchFilm(0, fps, CROWDED)] + [BenchFilm(seed, fps, USUAL) for seed in range(1, cameras)]


def make_slow_environment(films: Sequence[BenchFilm]) -> dict[str, str]:
    """Return the environment in which a stage reads half as fast as the films require, half of its time on frames."""
    frames_hz = SPEED * sum(film.fps for film in films)
    digits_hz = SPEED * sum(film.fps * film.digits for film in films)
    return {FRAME_S: str(0.5 / frames_hz), DIGIT_S: str(0.5 / digits_hz)}
