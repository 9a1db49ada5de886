"""A session: faults one after the other on one pipeline after the other, and the sum of what they led to."""

import dataclasses
import math
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.chaos import every_frame
from benchmarks.chaos.every_frame import LedgerResult
from benchmarks.chaos.faults import START_S, Fault, Recovery, kill, plan_faults, send_signal
from benchmarks.chaos.victim import STARTS_WITHIN_S, WORKERS, Account, Resources, VictimPipeline, launch_victim
from benchmarks.environment import describe_environment
from shared.pipeline import Stage

STEADY_S = 2.0  # a pipeline is read this long before it is hurt: its resources are known
LATE_S = 1.5  # of a line that starts after others: their workers run by then, and wait
EARLY_S = (0.6, 1.2)  # after the start: a worker is killed while the pipeline starts
PIPELINES_PER_FILM = 5  # between two films of the ledger, each of which takes as long as five faults
MAX_DESCRIPTORS, MAX_MEMORY_MB = 0, 10.0  # that a process may hold more at the end of a pipeline


@dataclass(frozen=True, slots=True)
class FaultResult:
    """A fault and what became of it; recovery_s is infinite if it never recovered."""

    fault: str
    kind: str
    bound_s: float
    recovery_s: float
    problem: str

    @property
    def has_recovered(self) -> bool:
        """Whether all was well again in time."""
        return not self.problem and self.recovery_s <= self.bound_s


@dataclass(slots=True)
class Session:
    """What is known so far."""

    results: list[FaultResult] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    unaccounted: int = 0
    descriptors_grown: int = 0
    memory_grown_mb: float = 0.0
    memory_grown_in: str = ""
    pipelines: int = 0
    ledger: list[LedgerResult] = field(default_factory=list)

    def add_account(self, account: Account) -> None:
        """Add what a queue has counted in its life."""
        self.account += account
        self.unaccounted += account.unaccounted

    def add_growth(self, before: dict[str, Resources], after: dict[str, Resources]) -> None:
        """Note by how much any process holds more than before."""
        for name in before.keys() & after.keys():
            more = after[name].descriptors - before[name].descriptors
            self.descriptors_grown = max(self.descriptors_grown, more)
            more_mb = after[name].memory_mb - before[name].memory_mb
            if more_mb > self.memory_grown_mb:
                self.memory_grown_mb, self.memory_grown_in = more_mb, name

    @property
    def has_held(self) -> bool:
        """Whether every bound was kept."""
        is_in_time = bool(self.results) and all(result.has_recovered for result in self.results)
        has_grown = self.descriptors_grown > MAX_DESCRIPTORS or self.memory_grown_mb > MAX_MEMORY_MB
        return is_in_time and not self.unaccounted and not has_grown


class ChaosRunner:
    """Injects faults for a time. patience multiplies the bounds, for a machine that is busy otherwise."""

    def __init__(
        self, chance: random.Random, kinds: Collection[str], patience: float, tell: Callable[[str], None]
    ) -> None:
        self.session = Session()
        self._chance, self._patience, self._tell = chance, patience, tell
        self._faults = (fault for fault in plan_faults(chance) if not kinds or fault.kind in kinds)
        self._cases = [] if kinds and every_frame.KIND not in kinds else every_frame.plan_cases(chance)
        self._has_faults = not kinds or bool(set(kinds) - {every_frame.KIND})
        self._until = 0.0

    def run(self, seconds: float) -> Session:
        """Hurt one pipeline after the other."""
        self._until = time.monotonic() + seconds
        orders = plan_orders(self._chance)
        while time.monotonic() < self._until and (self._cases or self._has_faults):
            if self._cases and (not self._has_faults or self.session.pipelines % PIPELINES_PER_FILM == 0):
                self._read_film(self._cases.pop(0))
            if not self._has_faults:
                continue
            order = next(orders) if self.session.pipelines % 2 else StartOrder("", {})
            with launch_victim(delays_s=order.delays_s) as victim:
                self.session.pipelines += 1
                if order.name:
                    self._start_in_order(victim, order)
                else:
                    self._start(victim)
                self._hurt(victim)
        return self.session

    def _read_film(self, case: every_frame.LedgerCase) -> None:
        """Note whether each picture of a film is read exactly once."""
        result = every_frame.run_case(case)
        self.session.ledger.append(result)
        problem = "" if result.is_exact else f"{result.lost} lost, {result.twice} twice. {result.problem}"
        fault = Fault(every_frame.KIND, (case.name,), every_frame.HOLE_S, kill)
        self._note(fault, Recovery(result.longest_hole_s, problem))

    def _start_in_order(self, victim: VictimPipeline, order: "StartOrder") -> None:
        """Wait until a pipeline is read whose lines start one after the other. The time counts from the last."""
        began_at = time.monotonic() + max(order.delays_s.values())
        is_read = victim.wait_until_read(began_at, STARTS_WITHIN_S)
        took_s = time.monotonic() - began_at if is_read else math.inf
        self._note(Fault("start order", (order.name,), START_S, kill), Recovery(took_s))

    def _start(self, victim: VictimPipeline) -> None:
        """Wait until a pipeline is read. Each but the first is hurt while it starts."""
        began_at, target = time.monotonic(), ""
        if self.session.pipelines > 1:
            time.sleep(self._chance.uniform(*EARLY_S))
            target = self._chance.choice(WORKERS)
            victim.wait(lambda: target in victim.find_processes(), STARTS_WITHIN_S)
            send_signal(victim, [target], signal.SIGKILL)
        is_read = victim.wait_until_read(began_at, STARTS_WITHIN_S)
        if target:
            took_s = time.monotonic() - began_at if is_read else math.inf
            self._note(Fault("start-up", (target,), START_S, kill), Recovery(took_s))

    def _hurt(self, victim: VictimPipeline) -> None:
        """Inject faults until the time is over, or the pipeline has ended or does not recover."""
        time.sleep(STEADY_S)
        before = victim.measure_resources()
        while time.monotonic() < self._until or not self.session.results:  # a start may take all the time
            fault = next(self._faults)
            if fault.hits_queue or fault.ends_pipeline:
                self.session.add_account(victim.audit())
            result = self._note(fault, inject_fault(victim, fault))
            if fault.ends_pipeline or result.recovery_s == math.inf:
                return
        time.sleep(STEADY_S)
        self.session.add_growth(before, victim.measure_resources())
        self.session.add_account(victim.audit())

    def _note(self, fault: Fault, recovery: Recovery) -> FaultResult:
        bound_s = fault.bound_s * self._patience
        result = FaultResult(str(fault), fault.kind, bound_s, recovery.took_s, recovery.problem)
        self.session.results.append(result)
        verdict = "ok" if result.has_recovered else recovery.problem or "LATE"
        self._tell(f"{result.fault:60} {result.recovery_s:5.2f} s of {result.bound_s:4.1f}  {verdict}")
        return result


@dataclass(frozen=True, slots=True)
class StartOrder:
    """In which order the lines of a pipeline start: seconds after the first."""

    name: str
    delays_s: dict[Stage, float]


def plan_orders(chance: random.Random) -> Iterator[StartOrder]:
    """Yield orders without end: each stage comes first and last, alone; then the others in any order."""
    stages = [stage for stage in Stage if stage is not Stage.PROMETHEUS]
    while True:
        orders = [StartOrder(f"{stage} last", {stage: LATE_S}) for stage in stages]
        orders += [StartOrder(f"{one} first", {stage: LATE_S for stage in stages if stage != one}) for one in stages]
        chance.shuffle(orders)
        yield from orders


def inject_fault(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Inject a fault. A process that it needs may have gone by itself, which is a fault of the pipeline."""
    try:
        return fault.inject(victim, fault)
    except (LookupError, psutil.NoSuchProcess) as error:
        return Recovery(math.inf, str(error))


def summarize(session: Session, seconds: float, seed: int, patience: float) -> dict[str, Any]:
    """Return the session as one JSON object."""
    kinds: defaultdict[str, list[FaultResult]] = defaultdict(list)
    for result in session.results:
        kinds[result.kind].append(result)
    return {
        "seed": seed,
        "seconds": seconds,
        "patience": patience,
        "faults": len(session.results),
        "recovered": sum(result.has_recovered for result in session.results),
        "worst_recovery_s": to_number(max((result.recovery_s for result in session.results), default=0.0)),
        "frames": session.account.frames,
        "readings": session.account.readings,
        "drops": session.account.drops,
        "unaccounted": session.unaccounted,
        "descriptors_grown": session.descriptors_grown,
        "memory_grown_mb": round(session.memory_grown_mb, 1),
        "memory_grown_in": session.memory_grown_in,
        "pipelines": session.pipelines,
        "ledger": summarize_ledger(session.ledger),
        "kinds": {kind: summarize_kind(results) for kind, results in sorted(kinds.items())},
        "failures": [
            dataclasses.asdict(result) | {"recovery_s": to_number(result.recovery_s)}
            for result in session.results
            if not result.has_recovered
        ],
        "load": round(os.getloadavg()[0], 1),  # processes that want a core, this pipeline's among them
        "environment": describe_environment(),
    }


def summarize_ledger(results: list[every_frame.LedgerResult]) -> dict[str, Any]:
    """Return how often the pictures of the films were read."""
    return {
        "cases": len(results),
        "exactly_once": sum(result.is_exact for result in results),
        "pictures": sum(result.pictures for result in results),
        "lost": sum(result.lost for result in results),
        "twice": sum(result.twice for result in results),
        "rows": [dataclasses.asdict(result) for result in results],
    }


def summarize_kind(results: list[FaultResult]) -> dict[str, Any]:
    """Return the figures of one kind of fault."""
    return {
        "faults": len(results),
        "recovered": sum(result.has_recovered for result in results),
        "bound_s": max(result.bound_s for result in results),
        "worst_s": to_number(max(result.recovery_s for result in results)),
    }


def to_number(seconds: float) -> float | None:
    """Return seconds for JSON, which has no infinity."""
    return round(seconds, 2) if math.isfinite(seconds) else None
