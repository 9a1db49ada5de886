"""EVERY_FRAME: a film is read while processes are killed, and each of its pictures must have been read exactly once."""

import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import psutil

from benchmarks.bench_films import cache_folder
from benchmarks.chaos.clock import make_wall_clock
from benchmarks.chaos.faults import limit_files
from benchmarks.chaos.reading_ledger import ReadingLedger, write_index
from benchmarks.chaos.victim import HONCHO, OTHERS, STARTS_WITHIN_S, VictimPipeline
from benchmarks.launcher import launch_pipeline
from digitcam.file_summary import summarize_files
from shared.pipeline import Stage

KIND = "EVERY_FRAME ledger"
PICTURES = 1500
HOLE_S = 15.0  # bound of a time without a reading: everything was killed, on a machine that is busy
PATIENCE_S = 30.0  # without another reading, after which what is missing counts as lost
FULL_S = 3.0  # how long a disk is full
SETTLE_S = 1.0  # for what may come twice
ENDED_WITHIN_S = 5.0
MAX_WRONG = 0.01  # share of pictures whose number may be read wrong: the networks are not perfect
WIDTH, HEIGHT = 320, 240
TARGETS = (f"{Stage.CAPTURE}.film", *OTHERS)
INFERENCE = f"{Stage.INFERENCE}.1"
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "hang": signal.SIGSTOP}


@dataclass(frozen=True, slots=True)
class Blow:
    """What is done to which processes once a share of the pictures has been read."""

    share: float
    kind: str  # of SIGNALS
    targets: tuple[str, ...]  # honcho: the pipeline ends, and is started again
    is_disk_full: bool = False  # for a while


@dataclass(frozen=True, slots=True)
class LedgerCase:
    """A name, and the blows while the film is read."""

    name: str
    blows: tuple[Blow, ...]
    frames: str = "auto"  # FRAMES: how their bytes travel


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """How often the pictures of a film were read."""

    case: str
    hits: int  # processes that were sent a signal
    pictures: int
    once: int
    lost: int
    twice: int
    longest_hole_s: float
    problem: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether every picture was read exactly once, and nothing else is wrong."""
        return self.once == self.pictures and not (self.lost or self.twice or self.problem)


def plan_cases(chance: random.Random) -> list[LedgerCase]:
    """Return the cases: each process alone, together, once, and again and again; the moments are by chance."""

    def make(name: str, kind: str, targets: tuple[str, ...], times: int = 1) -> LedgerCase:
        shares = sorted(chance.uniform(0.05, 0.95) for _ in range(times))
        return LedgerCase(name, tuple(Blow(share, kind, targets) for share in shares))

    groups = [tuple(chance.sample(TARGETS, chance.choice([2, 3]))) for _ in range(6)]
    cases = [
        LedgerCase("nothing", ()),
        *(make(f"{kind} {target}", kind, (target,)) for target in TARGETS for kind in SIGNALS),
        *(make(f"{kind} {target}, 3 times", kind, (target,), 3) for target in TARGETS for kind in ("kill", "term")),
        *(make(f"kill {' + '.join(group)}", "kill", group) for group in groups),
        *(make(f"{kind} all, {times} times", kind, TARGETS, times) for kind in ("kill", "term") for times in (1, 3)),
        *(make(f"{kind} honcho and start again", kind, (HONCHO,)) for kind in ("kill", "term")),
        make(f"kill {INFERENCE}, 20 times", "kill", (INFERENCE,), 20),
        replace(make("kill all, bytes in messages", "kill", TARGETS), frames="inline"),
        LedgerCase("full disk", (Blow(0.3, "kill", (), is_disk_full=True),)),
        LedgerCase("full disk, and kill all", (Blow(0.6, "kill", TARGETS, is_disk_full=True),)),
    ]
    any_blows = [replace(blow, targets=(chance.choice(TARGETS),)) for blow in make("", "kill", (), 20).blows]
    return [*cases, LedgerCase("kill any, 20 times", tuple(any_blows))]


def run_case(case: LedgerCase, pictures: int = PICTURES) -> LedgerResult:
    """Read a film while it is hurt; return how often each of its pictures was read."""
    film, ledger, blows, hits = make_numbered_film(pictures), ReadingLedger(), list(case.blows), Counter[str]()
    try:
        with TemporaryDirectory(prefix="digitcam-ledger-") as folder:
            while True:
                with launch_reader(film, Path(folder), case.frames) as victim:
                    ledger.port = victim.port
                    if not strike(victim, ledger, blows, hits, pictures):
                        break
            files = list(summarize_files(Path(folder)))
    finally:
        ledger.close()
    unread = [f"{frame.index} {frame.reason}" for file in files for frame in file.unread]
    return judge(case, ledger, pictures, unread, hits)


def strike(victim: VictimPipeline, ledger: ReadingLedger, blows: list[Blow], hits: Counter[str], pictures: int) -> bool:
    """Carry out the blows in turn, count whom they hit, and wait for the end.

    Return True as soon as the pipeline must be started again.
    """
    patience_s = STARTS_WITHIN_S
    while blows:
        blow = blows.pop(0)
        if not ledger.wait_for(round(blow.share * pictures), patience_s):
            break
        patience_s = PATIENCE_S
        hits.update(hit(victim, blow))
        if HONCHO in blow.targets:
            victim.wait(lambda: not victim.list_processes(), 10.0)
            return True
    ledger.wait_for(pictures, patience_s)
    victim.wait(lambda: has_ended(victim.run_dir), ENDED_WITHIN_S)
    time.sleep(SETTLE_S)
    return False


def hit(victim: VictimPipeline, blow: Blow) -> list[str]:
    """Send a signal to processes; return those that were there: one that was killed a moment ago may not be back."""
    found = []
    if blow.is_disk_full:
        limit_files(victim, 0)
    for name, process in victim.find_processes().items():
        if name in blow.targets:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(SIGNALS[blow.kind])
                found.append(name)
    if blow.is_disk_full:
        time.sleep(FULL_S)
        limit_files(victim, resource.RLIM_INFINITY)
    return found


def has_ended(run_dir: Path) -> bool:
    """Return whether capture has noted that every picture of the film has ended."""
    return any(file.progress.is_ended for file in summarize_files(run_dir))


def judge(
    case: LedgerCase, ledger: ReadingLedger, pictures: int, unread: Sequence[str], hits: Counter[str]
) -> LedgerResult:
    """Return the result of a case; unread: what `digitcam files` lists as not read, hits: who was hit how often."""
    missed = {target for blow in case.blows for target in blow.targets} - hits.keys()
    problems = [f"{outcome}: {count}" for outcome, count in ledger.others.items()]
    problems += [f"listed as not read: {', '.join(unread[:3])}"] if unread else []
    problems += [f"never hit: {', '.join(sorted(missed))}"] if missed else []
    problems += [f"{ledger.wrong} show another number"] if ledger.wrong > MAX_WRONG * pictures else []
    return LedgerResult(
        case=case.name,
        hits=hits.total(),
        pictures=pictures,
        once=ledger.pictures - ledger.twice,
        lost=pictures - ledger.pictures,
        twice=ledger.twice,
        longest_hole_s=round(ledger.longest_hole_s, 2),
        problem="; ".join(problems),
    )


@contextmanager
def launch_reader(film: Path, run_dir: Path, frames: str) -> Iterator[VictimPipeline]:
    """Run a pipeline that reads a film once, until the block ends."""
    with make_wall_clock() as clock:
        settings = clock.environment() | {"EVERY_FRAME": "true", "FRAMES": frames, "RUN_DIR": str(run_dir)}
        with (
            launch_pipeline([film], settings=settings) as pipeline,
            closing(VictimPipeline(pipeline, clock, ())) as victim,
        ):
            yield victim


def make_numbered_film(pictures: int) -> Path:
    """Return a film in which every picture shows its own index; it is made once."""
    path = cache_folder() / f"numbered-{pictures}" / "film.avi"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name("new.avi")
        film = cv2.VideoWriter(str(draft), cv2.VideoWriter.fourcc(*"MJPG"), 30, (WIDTH, HEIGHT))
        for index in range(pictures):
            picture = np.full((HEIGHT, WIDTH, 3), 235, np.uint8)
            place = (60 + index % 40, 140)
            film.write(cv2.putText(picture, write_index(index), place, cv2.FONT_HERSHEY_SIMPLEX, 2, (20, 20, 20), 5))
        film.release()
        draft.replace(path)
    return path
