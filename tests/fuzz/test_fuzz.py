"""A few hundred hostile inputs for each entrance; `make fuzz` takes a million, with another seed each time."""

from collections.abc import Callable

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.runner import Target, fuzz

SEED = 20261127
INPUTS = {"messages": 3000, "browser messages and API requests": 2000}
OTHER_INPUTS = 150


@pytest.mark.parametrize("make_target", [make for _, make in TARGETS])
def test_hostile_inputs_do_nothing(make_target: Callable[[], Target]) -> None:
    target = make_target()
    report = fuzz(target, INPUTS.get(target.name, OTHER_INPUTS), SEED)
    assert report.problems() == []
    # nothing gets through without a key
    assert len(report.outcomes) > 1 or "keys" in target.name, "all inputs ended alike: this tests little"
