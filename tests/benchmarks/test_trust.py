"""A disturbed bench is repeated, and reports the cause."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest

from benchmarks import trust
from benchmarks.trust import (
    CoreUsage,
    DisturbedError,
    find_untrusted,
    read_process_times,
    repeat_until_busy,
    repeat_until_trusted,
)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (partial(trust.judge_cores, trust.MAX_OTHERS + 0.1), "other processes used 18% of the cores"),
        (partial(trust.judge_samples, [0.01] * (trust.MIN_SAMPLES - 1)), "199 frames were read"),
        (partial(trust.judge_source, 0.05, 0.5), "skipped 5.0% of their frames while 50% of the machine was idle"),
        (partial(trust.judge_unseen, 0.03), "the bench missed how 3.0% of the frames ended"),
    ],
)
def test_disturbance_is_named(check: Callable[[], str], message: str) -> None:
    assert message in check()


@pytest.mark.parametrize(
    "check",
    [
        partial(trust.judge_cores, trust.MAX_OTHERS),
        partial(trust.judge_samples, [0.01] * trust.MIN_SAMPLES),
        partial(trust.judge_source, 0.0, 0.9),
        partial(trust.judge_source, 0.5, 0.0),  # the machine was busy with the pipeline, which is what is measured
        partial(trust.judge_unseen, 0.0),
    ],
)
def test_undisturbed_measurement_is_trusted(check: Callable[[], str]) -> None:
    assert check() == ""


def measure_in_turn(*others: float) -> Callable[[], trust.Row]:
    """Return a measurement that others disturb more or less each time."""
    shares = iter(others)

    def measure() -> trust.Row:
        share = next(shares)
        return {"others": share, "untrusted": trust.judge_cores(share)}

    return measure


def test_disturbed_measurement_is_repeated_until_it_is_trusted() -> None:
    assert repeat_until_trusted(measure_in_turn(0.5, 0.01)) == {"others": 0.01, "untrusted": ""}


def test_after_three_disturbed_tries_the_least_disturbed_is_untrusted(capsys: pytest.CaptureFixture[str]) -> None:
    result = repeat_until_trusted(measure_in_turn(0.5, 0.2, 0.4))
    assert result == {"others": 0.2, "untrusted": "other processes used 20% of the cores, and 8% is the limit"}
    assert "disturbed, try 3 of 3: other processes used 40%" in capsys.readouterr().err


def test_on_a_machine_that_stays_busy_later_measurements_have_one_try() -> None:
    repeat = repeat_until_busy()
    assert repeat(measure_in_turn(0.5, 0.01))["others"] == 0.01
    assert repeat(measure_in_turn(0.5, 0.4, 0.3))["others"] == 0.3
    assert repeat(measure_in_turn(0.5, 0.01))["others"] == 0.5


def test_every_untrusted_row_is_found() -> None:
    result = {
        "untrusted": "",
        "rows": [{"untrusted": "a"}, {"untrusted": ""}, {"failed": "x"}],
        "queue": {"untrusted": "b"},
    }
    assert list(find_untrusted(result)) == ["a", "b"]


def test_load_that_is_too_small_is_refused_before_it_is_measured() -> None:
    with pytest.raises(DisturbedError, match=r"40 frames are due .* needs 200: measure for more --seconds"):
        trust.check_due(2 * 10 * 2)
    trust.check_due(trust.MIN_SAMPLES)


class CpuTimes(NamedTuple):
    """psutil's CPU times in seconds, as few as a system may report."""

    user: float
    idle: float
    steal: float


def test_own_cpu_time_is_not_others_but_stolen_time_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((100.0, 110.0))  # ten seconds of two cores
    times = iter((CpuTimes(50.0, 7.0, 1.0), CpuTimes(59.0, 17.0, 3.0)))
    # 4 is new; 3, a child of 1, has ended half a second later: 1 has its time now
    processes = iter(({1: 40.0, 2: 8.0, 3: 2.0}, {1: 46.5, 2: 10.0, 4: 2.0}))
    monkeypatch.setattr(trust, "read_process_times", lambda: next(processes))
    monkeypatch.setattr(trust, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    others, idle = CoreUsage().shares(own_s=6.0)
    assert others == pytest.approx((4 + 0.5 + 2 + 2 + 2 - 6) / 20)
    assert idle == pytest.approx(10 / 20)


def test_processes_count_with_their_children_that_have_ended() -> None:
    before = read_process_times()[os.getpid()]
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.15: pass"], check=True)
    assert read_process_times()[os.getpid()] >= before + 0.1
