"""Soak finds what grows, blames nothing that does not, and hurts only workers whose successors may be young."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.chaos.session import FaultResult
from benchmarks.soak.command import to_lines
from benchmarks.soak.growth import LONG_S, WARM_UP_S, Growth, History, Sample, compute_slope, summarize_growth
from benchmarks.soak.session import Soak, count_growth, plan_faults, summarize

HOUR_S = 3600.0
GOOD = FaultResult("kill inference.2", "kill", 2.0, 1.25, "")
LATE = FaultResult("hang inference.2", "hang", 5.0, 7.5, "")


def live(seconds: float, hold: Callable[[float], Sample]) -> History:
    history = History()
    for at in range(0, int(seconds), 10):
        history.add(1, hold(float(at)))
    return history


def grow(seconds: float, hold: Callable[[float], Sample]) -> Growth:
    growth = live(seconds, hold).measure_growth()
    assert growth
    return growth


def steady(at: float) -> Sample:
    return Sample(at, 50.0, 20, 8, 12_000)


def test_steady_process_has_no_problem() -> None:
    growth = grow(HOUR_S, steady)
    assert growth.problems == []
    assert growth.memory_mb == 50.0
    assert growth.life_s == pytest.approx(HOUR_S - WARM_UP_S, abs=10)


@pytest.mark.parametrize(
    ("hold", "problem"),
    [
        (lambda at: Sample(at, 50.0 + 1.5 * at / HOUR_S, 20, 8), "memory +1.50 MB an hour"),
        (lambda at: Sample(at, 50.0, 20 + int(at // 1000), 8), "descriptors +2"),
        (lambda at: Sample(at, 50.0, 20, 8 + (at > 2000)), "threads +1"),
        (lambda at: Sample(at, 50.0, 20, 8, 12_000 + int(at)), "/metrics times 1.12"),
    ],
    ids=["memory", "descriptors", "threads", "metrics"],
)
def test_each_kind_of_growth_is_a_problem(hold: Callable[[float], Sample], problem: str) -> None:
    assert grow(HOUR_S, hold).problems == [problem]


def test_growth_while_it_warms_up_is_none() -> None:
    growth = grow(
        HOUR_S, lambda at: Sample(at, 50.0 + min(at, WARM_UP_S) / 10, 20 + (at > 300), 8, 9000 + int(at < 300))
    )
    assert growth.problems == []
    assert growth.memory_mb_per_hour == 0.0


def test_moment_with_more_is_no_growth() -> None:
    """At one sample in ten a request is served: it takes memory, a descriptor and a thread."""
    growth = grow(HOUR_S, lambda at: Sample(at, 50.0 + 9 * (at % 100 == 0), 20 + (at % 100 == 0), 8 + (at % 100 == 0)))
    assert growth.problems == []


def test_short_life_is_judged_by_what_does_not_depend_on_its_length() -> None:
    """A slope of some minutes is no slope by the hour, but a descriptor more is one more."""
    seconds = LONG_S / 2
    assert grow(seconds, lambda at: Sample(at, 50.0 + at / 200, 20, 8, 12_000 + 9 * int(at))).problems == []
    assert grow(seconds, lambda at: Sample(at, 50.0 + at / 10, 20 + (at > 400), 8)).problems == [
        "memory +360.00 MB an hour",
        "descriptors +1",
    ]


def test_growth_is_that_of_the_longest_life() -> None:
    """A worker that was replaced begins small: its two lives together would look like growth, or hide it."""
    history = live(HOUR_S, steady)
    for at in range(4000, 4100, 10):
        history.add(2, Sample(float(at), 500.0, 90, 9))
    growth = history.measure_growth()
    assert growth
    assert growth.problems == []
    assert growth.descriptors == 20
    assert summarize_growth({"queue.1": history})["queue.1"]["lives"] == 2


def test_process_that_was_seen_once_has_no_growth() -> None:
    history = History()
    history.add(1, steady(0.0))
    assert summarize_growth({"queue.1": history}) == {}


def test_slope_is_the_median_of_all_pairs() -> None:
    points = [(float(x), 2.0 * x) for x in range(10)]
    assert compute_slope(points) == pytest.approx(2.0)
    assert compute_slope([*points, (9.5, 900.0)]) == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize(("counts", "grown"), [([], 0), ([5, 5, 5], 0), ([5, 5, 5, 9, 5, 5], 0), ([1, 2, 3], 2)])
def test_count_grows_from_the_first_third_to_the_last(counts: list[int], grown: int) -> None:
    assert count_growth(counts) == grown


def test_faults_hit_spare_workers_and_one_camera_and_only_stop_the_others() -> None:
    faults = list(islice(plan_faults(random.Random(1), "capture.demo.2"), 24))
    ended = {fault.targets[0] for fault in faults if fault.kind != "stop"}
    assert ended == {"preprocess.2", "inference.2", "capture.demo.2"}
    assert {fault.targets[0] for fault in faults if fault.kind == "stop"} == {
        "display.1",
        "preprocess.1",
        "inference.1",
    }
    assert [str(one) for one in faults] == [
        str(one) for one in islice(plan_faults(random.Random(1), "capture.demo.2"), 24)
    ]


@pytest.mark.parametrize(
    ("soak", "hold", "has_held"),
    [
        (Soak(results=[GOOD]), steady, True),
        (Soak(results=[GOOD, LATE]), steady, False),
        (Soak(results=[GOOD]), lambda at: Sample(at, 50.0 + at, 20, 8), False),
        (Soak(results=[GOOD], files=[1, 2, 3]), steady, False),
        (Soak(results=[GOOD], memory_files=[1, 2, 3]), steady, False),
    ],
    ids=["good", "late", "it grows", "files", "shared memory"],
)
def test_soak_holds_only_if_nothing_grew_and_all_recovered(
    soak: Soak, hold: Callable[[float], Sample], has_held: bool
) -> None:
    soak.histories["queue.1"] = live(HOUR_S, hold)
    result = summarize(soak, HOUR_S, 7, 2, 5.0)
    assert result["has_held"] == has_held
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_soak_that_saw_no_process_has_not_held() -> None:
    assert not summarize(Soak(), 1.0, 7, 2, 5.0)["has_held"]


def test_table_has_a_row_for_each_process_with_its_problems() -> None:
    soak = Soak(results=[GOOD])
    soak.histories |= {"queue.1": live(HOUR_S, steady), "display.1": live(HOUR_S, lambda at: Sample(at, at, 20, 8))}
    lines = to_lines(summarize(soak, HOUR_S, 7, 2, 5.0))
    assert lines[0].split()[:4] == ["process", "MB", "MB/hour", "descriptors"]
    assert lines[1].split()[0] == "display.1"
    assert lines[1].endswith("memory +3600.00 MB an hour")
    assert lines[2].split()[:4] == ["queue.1", "50.0", "+0.00", "20"]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_nothing_grows_in_three_minutes() -> None:
    command = [sys.executable, "-m", "digitcam", "soak", "--seconds", "180", "--period", "15", "--patience", "4"]
    done = subprocess.run(
        [*command, "--cameras", "2", "--fps", "10", "--seed", "1", "--json"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert {"queue.1", "display.1", "inference.1", "preprocess.1", "capture.demo"} <= result["processes"].keys()
    assert result["faults"] >= 8
    assert result["guests"] >= 8
