"""A few hundred hostile inputs for each entrance; `make fuzz` takes a million, with another seed each time."""

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.fuzz.runner import Target, fuzz

SEED = 20261127
INPUTS = {"messages": 3000, "browser messages and API requests": 2000}
OTHER_INPUTS = 150


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """Restore the log levels, which some targets raise."""
    loggers = [logging.getLogger(name) for name in ("", "digitcam")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize("make_target", [make for _, make in TARGETS])
def test_hostile_inputs_do_nothing(make_target: Callable[[], Target]) -> None:
    target = make_target()
    report = fuzz(target, INPUTS.get(target.name, OTHER_INPUTS), SEED)
    assert report.problems() == []
    # nothing gets through without a key
    assert len(report.outcomes) > 1 or "keys" in target.name, "all inputs ended alike: this tests little"
