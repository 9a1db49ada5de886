"""A disturbed bench reports the cause."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest

from benchmarks import trust
from benchmarks.trust import CoreUsage, DisturbedError


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (partial(trust.check_cores, trust.MAX_OTHERS + 0.1), "other processes used 18% of the cores"),
        (partial(trust.check_samples, [0.01] * (trust.MIN_SAMPLES - 1)), "199 frames were read"),
        (partial(trust.check_source, 0.05, 0.5), "skipped 5.0% of their frames while 50% of the machine was idle"),
        (partial(trust.check_unseen, 0.03), "the bench missed how 3.0% of the frames ended"),
    ],
)
def test_disturbance_is_reported_in_a_sentence(check: Callable[[], None], message: str) -> None:
    with pytest.raises(DisturbedError, match=message) as error:
        check()
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    "check",
    [
        partial(trust.check_cores, trust.MAX_OTHERS),
        partial(trust.check_samples, [0.01] * trust.MIN_SAMPLES),
        partial(trust.check_source, 0.0, 0.9),
        partial(trust.check_source, 0.5, 0.0),  # the machine was busy with the pipeline, which is what is measured
        partial(trust.check_unseen, 0.0),
    ],
)
def test_undisturbed_measurement_passes(check: Callable[[], None]) -> None:
    check()


class CpuTimes(NamedTuple):
    """psutil's CPU times in seconds, as few as a system may report."""

    user: float
    idle: float
    steal: float


def test_own_cpu_time_is_not_others_but_stolen_time_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter((100.0, 110.0))  # ten seconds of two cores
    times = iter((CpuTimes(50.0, 7.0, 1.0), CpuTimes(58.0, 17.0, 3.0)))
    monkeypatch.setattr(trust, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    others, idle = CoreUsage().shares(own_s=6.0)
    assert others == pytest.approx((8 + 2 - 6) / 20)
    assert idle == pytest.approx(10 / 20)
