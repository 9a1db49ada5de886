"""Checks that print what they found, and waits that end."""

import time
from collections.abc import Callable
from typing import TypeVar

WAIT_S = 90.0
POLL_S = 0.1

T = TypeVar("T")


def expect(claim: str, holds: bool) -> None:
    """Print a claim that holds. Raises AssertionError otherwise."""
    if not holds:
        raise AssertionError(f"not true: {claim}")
    print(f"  {claim}", flush=True)


def wait_for(what: str, look: Callable[[], T], limit_s: float = WAIT_S) -> T:
    """Return the first true value of a function. Raises AssertionError if there is none in time."""
    until = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"no {what} within {limit_s:.0f} s")
        time.sleep(POLL_S)
    return found
