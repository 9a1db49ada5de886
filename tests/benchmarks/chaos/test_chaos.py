"""Chaos judges by readings from outside, plans the same faults for the same seed, and adds up honestly."""

import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import psutil
import pytest

from benchmarks.chaos import every_frame
from benchmarks.chaos.clock import WallClock
from benchmarks.chaos.command import main
from benchmarks.chaos.every_frame import LedgerResult
from benchmarks.chaos.faults import Fault, Recovery, kill, plan_faults
from benchmarks.chaos.reading_watcher import GAP_S, find_last_hole_end
from benchmarks.chaos.session import ChaosRunner, FaultResult, Session, plan_orders, summarize
from benchmarks.chaos.victim import WORKERS, Account, Resources, VictimPipeline
from benchmarks.reliability.document import write_document
from shared.pipeline import Stage

KINDS = {
    *("kill", "term", "stop", "hang", "several", "all", "storm", "supervisor stopped", "helper stopped"),
    *("honcho stopped", "full disk", "descriptors used up", "damaged state", "hostile camera", "slow viewers"),
    *("clock set", "SIGKILL of honcho", "SIGTERM of honcho", "SIGINT of honcho", "SIGHUP of honcho"),
    *("SIGKILL above a worker", "SIGTERM above a worker"),
}
GOOD = FaultResult("kill queue.1", "kill", 3.0, 1.25, "")
LATE = FaultResult("hang queue.1", "hang", 5.0, 7.5, "")
NEVER = FaultResult("kill display.1", "kill", 2.0, math.inf, "no recovery")


def session(*results: FaultResult, **values: object) -> Session:
    made = Session(results=list(results), pipelines=2)
    for name, value in values.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("times", "recovery_s"),
    [
        ([10.1, 10.2, 10.3, 10.4], 0.0),
        ([10.1, 11.3, 11.4, 11.5], 1.3),
        ([9.9, 11.3, 11.4, 12.1, 12.2], 2.1),
        ([9.0, 9.9], 3.0),
        ([], 3.0),
    ],
    ids=["no hole", "one", "two", "it goes on", "never read"],
)
def test_recovery_is_the_end_of_the_last_hole(times: Sequence[float], recovery_s: float) -> None:
    now = 13.0 if recovery_s == 3.0 else max(times, default=10.0) + GAP_S / 2
    assert find_last_hole_end(times, 10.0, now) - 10.0 == pytest.approx(recovery_s)


def test_plan_has_every_kind_and_is_the_same_for_the_same_seed() -> None:
    first, second, other = (list(islice(plan_faults(random.Random(seed)), 150)) for seed in (1, 1, 2))
    assert [str(fault) for fault in first] == [str(fault) for fault in second]
    assert [str(fault) for fault in first] != [str(fault) for fault in other]
    kinds = {fault.kind for fault in first}
    assert kinds >= KINDS
    assert all(kind.endswith(" of a worker") for kind in kinds - KINDS)
    assert len(kinds - KINDS) >= 3
    for kind in ("kill", "term", "stop", "hang"):
        assert {fault.targets for fault in first if fault.kind == kind} == {(worker,) for worker in WORKERS}


def test_unknown_kind_of_fault_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "kill,nosuch"])
    sentence = capsys.readouterr().err
    assert all(kind in sentence for kind in ("hang", "SIGINT of a worker", "SIGTERM of honcho", every_frame.KIND))


def test_wall_clock_of_a_process_is_set_while_it_runs(tmp_path: Path) -> None:
    clock = WallClock(tmp_path / "clock")
    code = "import sys, time; print(time.time(), flush=True); input(); print(time.time_ns() / 1e9, time.monotonic())"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | clock.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    before = float(process.stdout.readline())
    clock.set_ahead(-3600.0)
    after, monotonic = map(float, process.communicate("\n")[0].split())
    assert before == pytest.approx(time.time(), abs=30)
    assert after == pytest.approx(time.time() - 3600, abs=30)
    assert monotonic == pytest.approx(time.monotonic(), abs=30)


def test_each_stage_starts_first_and_last() -> None:
    orders = list(islice(plan_orders(random.Random(1)), 10))
    stages = [stage for stage in Stage if stage is not Stage.PROMETHEUS]
    assert {order.name for order in orders} == {f"{stage} {place}" for stage in stages for place in ("first", "last")}
    for order in orders:
        assert all(delay_s > 0 for delay_s in order.delays_s.values())
        assert len(order.delays_s) == (1 if order.name.endswith("last") else len(stages) - 1)


def test_sums_are_of_all_pipelines() -> None:
    made = session(GOOD, LATE, NEVER)
    made.add_account(Account(frames=100, readings=60, drops=40))
    made.add_account(Account(frames=50, readings=30, drops=19))
    made.add_growth({"queue.1": Resources(10, 50.0), "gone": Resources(1, 1.0)}, {"queue.1": Resources(12, 61.5)})
    result = summarize(made, 60.0, 7, 1.0)
    expected: dict[str, object] = {
        "faults": 3,
        "recovered": 1,
        "worst_recovery_s": None,
        "frames": 150,
        "readings": 90,
        "drops": 59,
    }
    expected |= {"unaccounted": 1, "descriptors_grown": 2, "seed": 7}
    expected |= {"memory_grown_mb": 11.5, "memory_grown_in": "queue.1"}
    assert {name: result[name] for name in expected} == expected
    assert result["kinds"]["kill"] == {"faults": 2, "recovered": 1, "bound_s": 3.0, "worst_s": None}
    assert [failure["fault"] for failure in result["failures"]] == ["hang queue.1", "kill display.1"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    document = write_document({"chaos": result})
    assert "| kill | 2 | 1 | 3 s | never |" in document
    assert "- hang queue.1: late, 7.50 s" in document


@pytest.mark.parametrize(
    ("made", "has_held"),
    [
        (session(GOOD), True),
        (session(), False),
        (session(GOOD, LATE), False),
        (session(GOOD, unaccounted=1), False),
        (session(GOOD, descriptors_grown=1), False),
        (session(GOOD, memory_grown_mb=10.5), False),
    ],
    ids=["good", "nothing was tried", "late", "a frame is lost", "a descriptor leaks", "memory leaks"],
)
def test_session_holds_only_if_every_bound_was_kept(made: Session, has_held: bool) -> None:
    assert made.has_held == has_held


def test_fault_that_leaves_something_wrong_has_not_recovered() -> None:
    lines: list[str] = []
    runner = ChaosRunner(random.Random(1), (), 2.0, lines.append)
    result = runner._note(Fault("kill", ("queue.1",), 3.0, kill), Recovery(0.5, "a process is left"))
    assert not result.has_recovered
    assert result.bound_s == 6.0
    assert "a process is left" in lines[0]


def test_process_that_ends_while_it_is_asked_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended:
        def status(self) -> str:
            raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(VictimPipeline, "find_processes", lambda _: dict.fromkeys(WORKERS, Ended()))
    assert not object.__new__(VictimPipeline).is_complete()


def test_film_that_was_not_read_exactly_once_breaks_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = LedgerResult("nothing", 0, 1500, once=1500, lost=0, twice=0, longest_hole_s=0.1)
    results = iter([exact, LedgerResult("kill queue.1", 1, 1500, once=1497, lost=1, twice=2, longest_hole_s=1.0)])
    monkeypatch.setattr(every_frame, "run_case", lambda _: next(results))
    runner = ChaosRunner(random.Random(1), {every_frame.KIND}, 1.0, lambda _: None)
    runner._cases = runner._cases[:1]
    assert runner.run(60).has_held
    runner._cases = every_frame.plan_cases(random.Random(1))[:1]
    session = runner.run(60)
    assert not session.has_held
    summary = summarize(session, 60.0, 1, 1.0)
    assert {name: summary["ledger"][name] for name in ("cases", "exactly_once", "pictures", "lost", "twice")} == {
        "cases": 2,
        "exactly_once": 1,
        "pictures": 3000,
        "lost": 1,
        "twice": 2,
    }
    assert summary["kinds"][every_frame.KIND]["recovered"] == 1
    assert "1 lost, 2 twice" in summary["failures"][0]["problem"]


def test_pipeline_has_ended_although_nobody_has_waited_for_honcho() -> None:
    victim = object.__new__(VictimPipeline)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        victim.honcho = psutil.Process(process.pid)
        assert not victim.has_ended()
        process.kill()
        while not victim.has_ended():
            assert process.returncode is None
        assert victim.honcho.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="it limits the resources of running processes")
def test_real_pipeline_recovers_from_faults_of_many_kinds() -> None:
    """Short: a hang, then what fits. The bounds are four times wider: other tests run meanwhile."""
    kinds = "hang,full disk,damaged state,clock set,SIGKILL of honcho"
    began_at = time.monotonic()
    command = [sys.executable, "-m", "digitcam", "chaos", "--seconds", "6", "--seed", "3", "--only", kinds]
    done = subprocess.run(
        [*command, "--patience", "4", "--json"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout)
    assert not [failure for failure in result["failures"] if failure["problem"]], done.stderr
    assert result["faults"] >= 1
    assert result["unaccounted"] == 0
    assert result["frames"] == result["readings"] + result["drops"] > 0
    assert time.monotonic() - began_at < 100
