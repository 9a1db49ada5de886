"""A bench that was disturbed says by what."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest

from benchmarks import trust
from benchmarks.trust import Cores, UntrustedError


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (partial(trust.check_cores, trust.MOST_OTHERS + 0.1), "other processes had 18% of the cores"),
        (partial(trust.check_samples, [0.01] * (trust.FEWEST_SAMPLES - 1)), "199 frames were read"),
        (partial(trust.check_source, 0.05, 0.5), "left out 5.0% of their pictures while 50% of the machine was idle"),
        (partial(trust.check_sight, 0.03), "the bench missed how 3.0% of the frames ended"),
    ],
)
def test_what_disturbed_is_said_in_a_sentence(check: Callable[[], None], says: str) -> None:
    with pytest.raises(UntrustedError, match=says) as error:
        check()
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    "check",
    [
        partial(trust.check_cores, trust.MOST_OTHERS),
        partial(trust.check_samples, [0.01] * trust.FEWEST_SAMPLES),
        partial(trust.check_source, 0.0, 0.9),
        partial(trust.check_source, 0.5, 0.0),  # the machine was full: that is the pipeline's doing, and is measured
        partial(trust.check_sight, 0.0),
    ],
)
def test_what_did_not_disturb_passes(check: Callable[[], None]) -> None:
    check()


class Times(NamedTuple):
    """What a system tells of its cores, in seconds; some tell less."""

    user: float
    idle: float
    steal: float


def test_the_cores_that_we_used_are_not_others_and_those_taken_from_the_machine_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter((100.0, 110.0))  # ten seconds of two cores
    told = iter((Times(50.0, 7.0, 1.0), Times(58.0, 17.0, 3.0)))
    monkeypatch.setattr(trust, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(told))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    others, idle = Cores().shares(own_s=6.0)
    assert others == pytest.approx((8 + 2 - 6) / 20)
    assert idle == pytest.approx(10 / 20)
