"""Measures a running pipeline: how every due frame ended, its cost, and the load of other processes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from benchmarks import trust
from benchmarks.bench_films import BenchFilm
from benchmarks.counters import CounterKey, count_drops, scrape_counters
from benchmarks.launcher import RunningPipeline
from benchmarks.usage import compute_cpu_rates, measure_pss, measure_usage
from benchmarks.viewer import BenchViewer, FrameAccount, account_for_frames
from shared.pipeline import Outcome, Stage

START_WITHIN_S = 120.0  # sixty-four cameras on two cores
SETTLE_S = 1.0  # after the last camera's first reading
TAIL_S = 0.5  # for the last frames to pass the pipeline
SKIPPED = "capture skipped"
STAGES_WITH_DROPS = (Stage.QUEUE, Stage.CAPTURE)  # the processes that count drops


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRun:
    """What was measured while the pipeline ran."""

    accounts: Mapping[str, FrameAccount]  # by camera
    seconds: float
    start_s: float  # from `honcho start` to the first reading
    cpu: Mapping[str, float]  # CPU seconds per second, by stage; "bench" is this process
    rss_bytes: Mapping[str, int]
    pss_bytes: int  # of all processes, shared pages counted once; 0 if the system does not report it
    watched_s: float  # time between the two readings of the counters, somewhat longer than seconds
    counted: Counter[CounterKey]  # growth of the counters of queue and capture in that time
    others: float  # share of the machine that others used
    idle: float

    @property
    def ages_s(self) -> list[float]:
        """The age of every frame that was answered."""
        return list(chain.from_iterable(account.ages_s for account in self.accounts.values()))

    @property
    def fps(self) -> float:
        """Frames answered per second."""
        return len(self.ages_s) / self.seconds

    def drops(self) -> dict[str, int]:
        """Return drops in `seconds` by "stage reason"; "capture skipped" frames were not even grabbed."""
        scale = self.seconds / self.watched_s
        counted = {reason: round(count * scale) for reason, count in count_drops(self.counted).items()}
        unsent = sum(account.unsent for account in self.accounts.values())
        explained = sum(count for reason, count in counted.items() if reason.startswith("capture "))
        all_drops = counted | {SKIPPED: max(0, unsent - explained)}
        return {reason: count for reason, count in all_drops.items() if count}

    @property
    def skipped(self) -> float:
        """The share of due frames that the recorded cameras did not grab in time."""
        return self.drops().get(SKIPPED, 0) / sum(account.due for account in self.accounts.values())

    def share(self, field: str) -> float:
        """Return a field of FrameAccount ("read", "unseen", ...) as a share of the due frames."""
        return self._share(getattr(account, field) for account in self.accounts.values())

    def outcome_share(self, outcome: str) -> float:
        """Return the share of the due frames that ended with this outcome ("unchanged", "followed", ...)."""
        return self._share(account.outcomes.get(outcome, 0) for account in self.accounts.values())

    def _share(self, parts: Iterable[int]) -> float:
        return sum(parts) / sum(account.due for account in self.accounts.values())


def measure_pipeline(pipeline: RunningPipeline, films: Sequence[BenchFilm], seconds: float) -> PipelineRun:
    """Measure a pipeline that was just started. Raises DisturbedError if it does not run."""
    viewer = BenchViewer(pipeline.settings)
    try:
        start_s = wait_for_cameras(pipeline, viewer, {film.name for film in films})
        viewer.watch(viewer.now() + SETTLE_S)
        before = measure_usage(pipeline.honcho)
        counted_before = scrape_counters(pipeline.settings.run_dir, STAGES_WITH_DROPS)
        cores, start = trust.CoreUsage(), viewer.now() + SETTLE_S / 4  # views missed during the scrape come before it
        ended = viewer.watch(start + seconds + TAIL_S)
        after = measure_usage(pipeline.honcho)
        cpu = compute_cpu_rates(before, after)
        watched_s = after.at - before.at
        others, idle = cores.shares(sum(cpu.values()) * watched_s)
        pss_bytes = measure_pss(pipeline.honcho)
        counted = scrape_counters(pipeline.settings.run_dir, STAGES_WITH_DROPS)
    finally:
        viewer.close()
    pipeline.check()
    counted.subtract(counted_before)
    accounts = {}
    for film in films:
        of_camera = [frame for frame in ended if frame.camera == film.name]
        accounts[film.name] = account_for_frames(of_camera, film.fps, start, seconds)
    return PipelineRun(
        accounts=accounts,
        seconds=seconds,
        start_s=start_s,
        cpu=cpu,
        rss_bytes=after.rss_bytes,
        pss_bytes=pss_bytes,
        watched_s=watched_s,
        counted=counted,
        others=others,
        idle=idle,
    )


def wait_for_cameras(pipeline: RunningPipeline, viewer: BenchViewer, cameras: set[str]) -> float:
    """Wait until every camera has been read; return the seconds from `honcho start` to the first reading."""
    missing, start_s, until = set(cameras), 0.0, viewer.now() + START_WITHIN_S
    while missing and viewer.now() < until:
        pipeline.check()
        for frame in viewer.watch(viewer.now() + 1, stop_at_first_reading=True):
            if frame.outcome == Outcome.READ:
                start_s = start_s or frame.received_at - pipeline.started_at
                missing.discard(frame.camera)
    if missing:
        raise trust.DisturbedError(f"{len(missing)} of {len(cameras)} cameras were not read in {START_WITHIN_S:g} s.")
    return start_s


def judge_run(run: PipelineRun) -> str:
    """Return why the figures are not the pipeline's own; "" if they are."""
    reasons = (
        trust.judge_cores(run.others),
        trust.judge_source(run.skipped, run.idle),
        trust.judge_unseen(run.share("unseen")),
        trust.judge_samples(run.ages_s),
    )
    return "; ".join(filter(None, reasons))
