"""Watches a pipeline that runs: what became of every picture that was due, what that cost, and who else was there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from benchmarks import scrape, spending, trust
from benchmarks.bench_films import BenchFilm
from benchmarks.running import Pipeline
from benchmarks.viewer import Account, Viewer, account
from shared.pipeline import Outcome, Stage

START_WITHIN_S = 60.0  # thirty-two cameras on two cores
SETTLE_S = 1.0  # after the last camera's first reading
TAIL_S = 0.5  # the last frames' way through the pipeline
LEFT_OUT = "capture left out"
COUNTING = (Stage.QUEUE, Stage.CAPTURE)  # the stages that count drops


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured while the pipeline ran."""

    accounts: Mapping[str, Account]  # by camera
    seconds: float
    start_s: float  # from `honcho start` to the first reading
    cpu: Mapping[str, float]  # CPU seconds a second, by part; "bench" is this process
    rss_bytes: Mapping[str, int]
    pss_bytes: int  # of all together, shared pages counted once; 0 where the system does not tell
    watched_s: float  # somewhat longer than seconds: between the two looks at the counters
    samples: Counter[scrape.Sample]  # how much the counters of queue and capture grew meanwhile
    others: float  # share of the machine that others had
    idle: float

    @property
    def ages_s(self) -> list[float]:
        """Of every frame that was read."""
        return list(chain.from_iterable(account.ages_s for account in self.accounts.values()))

    @property
    def fps(self) -> float:
        """Frames that were read a second."""
        return len(self.ages_s) / self.seconds

    def drops(self) -> dict[str, int]:
        """Frames that were dropped in `seconds`, by "stage reason"; "capture left out" was not even taken."""
        scale = self.seconds / self.watched_s
        counted = {what: round(count * scale) for what, count in scrape.drops(self.samples).items()}
        unsent = sum(account.unsent for account in self.accounts.values())
        explained = sum(count for what, count in counted.items() if what.startswith("capture "))
        all_drops = counted | {LEFT_OUT: max(0, unsent - explained)}
        return {what: count for what, count in all_drops.items() if count}

    @property
    def left_out(self) -> float:
        """The share of the frames that were due which the recorded cameras did not take in time."""
        return self.drops().get(LEFT_OUT, 0) / sum(account.due for account in self.accounts.values())

    def share(self, what: str) -> float:
        """The share of the frames that were due: "read", of which "unchanged"; "dropped", "unsent" or "unseen"."""
        accounts = self.accounts.values()
        part: int = sum(getattr(account, what) for account in accounts)
        return part / sum(account.due for account in accounts)


def measure(pipeline: Pipeline, films: Sequence[BenchFilm], seconds: float) -> Run:
    """Watch a pipeline that has just been started. Raises UntrustedError where it does not run."""
    viewer = Viewer(pipeline.settings)
    try:
        start_s = wait_for_all(pipeline, viewer, {film.name for film in films})
        viewer.look(viewer.now() + SETTLE_S)
        before, counted = spending.look(pipeline.honcho), scrape.scrape(pipeline.settings.run_dir, COUNTING)
        cores, start = trust.Cores(), viewer.now() + SETTLE_S / 4  # what was missed meanwhile is behind us then
        sights = viewer.look(start + seconds + TAIL_S)
        after = spending.look(pipeline.honcho)
        cpu = spending.cpu_rates(before, after)
        watched_s = after.at - before.at
        others, idle = cores.shares(sum(cpu.values()) * watched_s)
        pss_bytes = spending.measure_pss(pipeline.honcho)
        samples = scrape.scrape(pipeline.settings.run_dir, COUNTING)
    finally:
        viewer.close()
    pipeline.check()
    samples.subtract(counted)
    accounts = {
        film.name: account([s for s in sights if s.camera == film.name], film.fps, start, seconds) for film in films
    }
    return Run(accounts, seconds, start_s, cpu, after.rss_bytes, pss_bytes, watched_s, samples, others, idle)


def wait_for_all(pipeline: Pipeline, viewer: Viewer, cameras: set[str]) -> float:
    """Wait until every camera has been read; the seconds from `honcho start` to the first reading of any."""
    missing, start_s, until = set(cameras), 0.0, viewer.now() + START_WITHIN_S
    while missing and viewer.now() < until:
        pipeline.check()
        for sight in viewer.look(viewer.now() + 1, first_read=True):
            if sight.outcome == Outcome.READ:
                start_s = start_s or sight.seen_at - pipeline.started_at
                missing.discard(sight.camera)
    if missing:
        raise trust.UntrustedError(f"{len(missing)} of {len(cameras)} cameras were not read in {START_WITHIN_S:g} s.")
    return start_s


def judge(run: Run) -> None:
    """Raise UntrustedError where the figures would not be the pipeline's own."""
    trust.check_cores(run.others)
    trust.check_source(run.left_out, run.idle)
    trust.check_sight(run.share("unseen"))
    trust.check_samples(run.ages_s)
