"""digitcam bench pipeline: the whole pipeline on recorded cameras: frames read, their age and their cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from benchmarks import trust
from benchmarks.bare_loop import load_bare_loop, measure_bare_loop
from benchmarks.bench_films import BenchFilm, cache_folder, load_jpegs, make_film
from benchmarks.counters import summarize_batches
from benchmarks.launcher import launch_pipeline
from benchmarks.measurement import PipelineRun, judge_run, measure_pipeline
from benchmarks.stats import compute_fairness, compute_percentile_ms
from benchmarks.trust import Repeat, Row, repeat_until_trusted
from shared.pipeline import Stage
from shared.settings import load_settings

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
    follow: bool = False

    def settings(self) -> dict[str, str]:
        """Of still cameras, an unchanged frame is not read again; of others every frame is, unless it is followed."""
        return {"REREAD_S": "1" if self.still else "0", "FOLLOW": str(self.follow)}

    def films(self) -> list[BenchFilm]:
        """One film per camera."""
        return [BenchFilm(seed, self.fps, self.digits, self.still) for seed in range(self.cameras)]


def bench_pipeline(plan: BenchPlan, repeat: Repeat = repeat_until_trusted) -> Row:
    """Return the figures of a plan, and how they compare with a bare loop. Raises DisturbedError."""
    report = repeat(partial(measure_plan, plan))
    bare_fps = measure_bare_fps([make_film(film, cache_folder()) for film in plan.films()])
    return report | compare_with_bare_loop(report, bare_fps)


def measure_plan(plan: BenchPlan) -> Row:
    """Start a pipeline, measure it once and return its figures. Raises DisturbedError."""
    trust.check_due(plan.cameras * plan.fps * plan.seconds)
    films = [make_film(film, cache_folder()) for film in plan.films()]
    workers: dict[str, int] = {Stage.PREPROCESS: plan.preprocess, Stage.INFERENCE: plan.inference}
    with launch_pipeline(films, workers=workers, settings=plan.settings()) as pipeline:
        return make_report(plan, measure_pipeline(pipeline, plan.films(), plan.seconds))


def measure_bare_fps(films: Sequence[Path]) -> float:
    """Return the frames per second of the bare loop on these films, on one core."""
    jpegs = list(chain.from_iterable(zip(*map(load_jpegs, films), strict=True)))  # cameras in turn, as in the pipeline
    return measure_bare_loop(load_bare_loop(load_settings()), jpegs)


def make_report(plan: BenchPlan, run: PipelineRun) -> Row:
    """Return the figures of a run; "untrusted" is why they are not the pipeline's own, or "".

    read_share counts every frame with a reading. With still cameras most of these are repeated readings
    (unchanged_share). Frames whose digits were only followed from an earlier frame are in followed_share; fps, ages and
    the CPU time of a frame are of all that were answered, in whichever way.
    """
    fps = max(run.fps, 1 / run.seconds)
    cpu_ms = {part: round(1000 * share / fps, 3) for part, share in sorted(run.cpu.items())}
    return {
        "cameras": plan.cameras,
        "asked_fps": plan.fps,
        "seconds": run.seconds,
        "digits": plan.digits,
        "still": plan.still,
        "follow": plan.follow,
        "workers": {"preprocess": plan.preprocess, "inference": plan.inference},
        "fps": round(run.fps, 1),
        "read_share": round(run.share("read"), 4),
        "followed_share": round(run.outcome_share("followed"), 4),
        "unchanged_share": round(run.outcome_share("unchanged"), 4),
        "age_p50_ms": compute_percentile_ms(run.ages_s, 50),
        "age_p99_ms": compute_percentile_ms(run.ages_s, 99),
        "drops": run.drops(),
        "fairness": round(compute_fairness([account.answered for account in run.accounts.values()]), 4),
        "cores": trust.count_usable_cores(),
        "idle": round(run.idle, 3),
        "others": round(run.others, 3),
        "untrusted": judge_run(run),
        "cpu_ms_per_frame": cpu_ms,
        "cpu_ms_per_frame_total": round(sum(ms for part, ms in cpu_ms.items() if part != "bench"), 3),
        "rss_mb": {part: round(size / MB, 1) for part, size in sorted(run.rss_bytes.items())},
        "rss_total_mb": round(sum(run.rss_bytes.values()) / MB, 1),
        "pss_total_mb": round(run.pss_bytes / MB, 1),
        "batches": summarize_batches(run.counted),
        "start_s": round(run.start_s, 2),
    }


def compare_with_bare_loop(report: Row, bare_fps: float) -> Row:
    """Return how a pipeline compares with a bare loop on each core.

    efficiency compares frames per second: it means something if the cameras send more than fits. cpu_efficiency
    compares CPU time a frame, at any load.
    """
    return {
        "bare_fps": round(bare_fps, 1),
        "efficiency": round(report["fps"] / (report["cores"] * bare_fps), 3),
        "cpu_efficiency": round(1000 / bare_fps / report["cpu_ms_per_frame_total"], 3),
    }
