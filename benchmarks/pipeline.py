"""digitcam bench pipeline: the whole pipeline on recorded cameras: frames read, their age and their cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import trust
from benchmarks.bare_loop import load_bare_loop, measure_bare_loop
from benchmarks.bench_films import BenchFilm, cache_folder, load_jpegs, make_film
from benchmarks.counters import summarize_batches
from benchmarks.launcher import launch_pipeline
from benchmarks.measurement import PipelineRun, check_run, measure_pipeline
from benchmarks.stats import compute_fairness, compute_percentile_ms
from shared.pipeline import Stage
from shared.settings import Settings

MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """The load and the workers of a pipeline."""

    cameras: int = 4
    fps: float = 30.0
    seconds: float = 10.0
    inference: int = 1
    preprocess: int = 1
    digits: int = 3
    still: bool = False

    def settings(self) -> dict[str, str]:
        """An unchanged frame is not read again; of cameras that move every frame is read."""
        return {"REREAD_S": "1" if self.still else "0"}

    def films(self) -> list[BenchFilm]:
        """One film per camera."""
        return [BenchFilm(seed, self.fps, self.digits, self.still) for seed in range(self.cameras)]


def bench_pipeline(plan: BenchPlan) -> dict[str, Any]:
    """Return the figures of a plan. Raises DisturbedError."""
    films = [make_film(film, cache_folder()) for film in plan.films()]
    workers: dict[str, int] = {Stage.PREPROCESS: plan.preprocess, Stage.INFERENCE: plan.inference}
    with launch_pipeline(films, workers=workers, settings=plan.settings()) as pipeline:
        run, settings = measure_pipeline(pipeline, plan.films(), plan.seconds), pipeline.settings
    check_run(run)
    return make_report(plan, run, measure_bare_fps(films, settings))


def measure_bare_fps(films: Sequence[Path], settings: Settings) -> float:
    """Return the frames per second of the bare loop on these films. Raises DisturbedError."""
    jpegs = list(chain.from_iterable(zip(*map(load_jpegs, films), strict=True)))  # cameras in turn, as in the pipeline
    recognize, cores = load_bare_loop(settings), trust.CoreUsage()
    fps, cpu_s = measure_bare_loop(recognize, jpegs)
    trust.check_cores(cores.shares(cpu_s)[0])
    return fps


def make_report(plan: BenchPlan, run: PipelineRun, bare_fps: float) -> dict[str, Any]:
    """Return the JSON object.

    efficiency is the pipeline's frames per second divided by those of the bare loop on all cores; it is meaningful if
    the cameras send more than fits. cpu_efficiency is the same in CPU time, and meaningful at any load. With still
    cameras, fps and read_share count every frame with a reading, most of them repeated readings (unchanged_share).
    """
    cores, fps = trust.count_usable_cores(), max(run.fps, 1 / run.seconds)
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
        "age_p50_ms": compute_percentile_ms(run.ages_s, 50),
        "age_p99_ms": compute_percentile_ms(run.ages_s, 99),
        "drops": run.drops(),
        "fairness": round(compute_fairness([account.read for account in run.accounts.values()]), 4),
        "efficiency": round(run.fps / (cores * bare_fps), 3),
        "cpu_efficiency": round(run.fps / bare_fps / pipeline_cpu, 3),
        "bare_fps": round(bare_fps, 1),
        "cores": cores,
        "idle": round(run.idle, 3),
        "cpu_ms_per_frame": {part: round(1000 * share / fps, 3) for part, share in sorted(run.cpu.items())},
        "rss_mb": {part: round(size / MB, 1) for part, size in sorted(run.rss_bytes.items())},
        "rss_total_mb": round(sum(run.rss_bytes.values()) / MB, 1),
        "pss_total_mb": round(run.pss_bytes / MB, 1),
        "batches": summarize_batches(run.counted),
        "start_s": round(run.start_s, 2),
    }
