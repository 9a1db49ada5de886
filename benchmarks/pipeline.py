"""digitcam bench pipeline: the whole pipeline on recorded cameras: what is read, how old it is, and what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import bare, scrape, trust
from benchmarks.bench_films import BenchFilm, cache_folder, load_jpegs, make_film
from benchmarks.figures import fairness, percentile_ms
from benchmarks.running import running
from benchmarks.watching import Run, judge, measure
from shared.pipeline import Stage
from shared.settings import Settings

MB = 1e6


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of the pipeline."""

    cameras: int = 4
    fps: float = 30.0
    seconds: float = 10.0
    inference: int = 1
    preprocess: int = 1
    digits: int = 3
    still: bool = False

    def settings(self) -> dict[str, str]:
        """A page that stands still is not read again; of cameras that move each frame is read."""
        return {"REREAD_S": "1" if self.still else "0"}

    def films(self) -> list[BenchFilm]:
        """What the cameras show: each its own."""
        return [BenchFilm(seed, self.fps, self.digits, self.still) for seed in range(self.cameras)]


def bench(plan: Plan) -> dict[str, Any]:
    """Measure, and say what came of it. Raises UntrustedError."""
    films = [make_film(film, cache_folder()) for film in plan.films()]
    workers: dict[str, int] = {Stage.PREPROCESS: plan.preprocess, Stage.INFERENCE: plan.inference}
    with running(films, workers, settings=plan.settings()) as pipeline:
        run, settings = measure(pipeline, plan.films(), plan.seconds), pipeline.settings
    judge(run)
    return report(plan, run, measure_bare(films, settings))


def measure_bare(films: Sequence[Path], settings: Settings) -> float:
    """Frames a second of the bare loop on these films. Raises UntrustedError where others had the cores meanwhile."""
    jpegs = list(chain.from_iterable(zip(*map(load_jpegs, films), strict=True)))  # cameras in turn, as in the pipeline
    see, cores = bare.load_see(settings), trust.Cores()
    fps, cpu_s = bare.measure(see, jpegs)
    trust.check_cores(cores.shares(cpu_s)[0])
    return fps


def report(plan: Plan, run: Run, bare_fps: float) -> dict[str, Any]:
    """The JSON object.

    efficiency is the frames a second of the pipeline over what the bare loop would do on all cores: it says something
    where the cameras ask for more than fits. cpu_efficiency is the same of CPU time, and holds at any load. On a still
    page fps and read_share are of frames that were answered, most of them without being read (unchanged_share).
    """
    cores, frames = trust.usable_cores(), max(run.fps, 1 / run.seconds)
    pipeline_cpu = sum(share for part, share in run.cpu.items() if part != "bench")
    return {
        "cameras": plan.cameras,
        "asked_fps": plan.fps,
        "seconds": run.seconds,
        "digits": plan.digits,
        "still": plan.still,
        "workers": {"preprocess": plan.preprocess, "inference": plan.inference},
        "fps": round(run.fps, 1),
        "read_share": round(run.share("read"), 4),
        "unchanged_share": round(run.share("unchanged"), 4),
        "age_p50_ms": percentile_ms(run.ages_s, 50),
        "age_p99_ms": percentile_ms(run.ages_s, 99),
        "drops": run.drops(),
        "fairness": round(fairness([account.read for account in run.accounts.values()]), 4),
        "efficiency": round(run.fps / (cores * bare_fps), 3),
        "cpu_efficiency": round(run.fps / bare_fps / pipeline_cpu, 3),
        "bare_fps": round(bare_fps, 1),
        "cores": cores,
        "idle": round(run.idle, 3),
        "cpu_ms_per_frame": {part: round(1000 * share / frames, 3) for part, share in sorted(run.cpu.items())},
        "rss_mb": {part: round(size / MB, 1) for part, size in sorted(run.rss_bytes.items())},
        "rss_total_mb": round(sum(run.rss_bytes.values()) / MB, 1),
        "pss_total_mb": round(run.pss_bytes / MB, 1),
        "batches": scrape.batches(run.samples),
        "start_s": round(run.start_s, 2),
    }
