"""A few hundred hostile inputs for each entrance; `make fuzz` takes a million, with another seed each time."""

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.runner import fuzz

SEED = 20261127
INPUTS = {"messages": 3000, "browsers": 2000, "live queue": 5000}
OTHER_INPUTS = 150


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "live queue" else ()) for name in TARGETS]
)
def test_hostile_inputs_do_nothing(name: str) -> None:
    report = fuzz(TARGETS[name][1](), INPUTS.get(name, OTHER_INPUTS), SEED)
    assert report.problems() == []
    # nothing gets through without a key
    assert len(report.outcomes) > 1 or name == "ZMTP with keys", "all inputs ended alike: this tests little"
