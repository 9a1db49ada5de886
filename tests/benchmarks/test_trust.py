"""A bench that was disturbed says by what."""

import time
from collections.abc import Callable
from functools import partial

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


def test_the_cores_that_this_process_used_are_not_others() -> None:
    cores, began = Cores(), time.process_time()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    used_s = time.process_time() - began
    with_us, without_us = cores.shares(used_s)[0], cores.shares(0.0)[0]
    assert without_us - with_us > 0.5 / trust.usable_cores() * 0.5
    assert 0 <= with_us <= without_us <= 1.1  # the kernel counts in hundredths
