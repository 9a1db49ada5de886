"""A process is alive while its loop turns, and ready while nothing keeps it from its work."""

import threading

import pytest

from shared.telemetry.health import HUNG_AFTER_S, START_WITHIN_S, Health


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("has_turned", "trouble", "silent_s", "alive", "ready"),
    [
        (True, "", 0.5, True, True),
        (True, "the queue does not answer", 0.5, True, False),
        (True, "", HUNG_AFTER_S + 0.1, False, False),
        (False, "", HUNG_AFTER_S + 0.1, True, False),
        (False, "", START_WITHIN_S + 0.1, False, False),
    ],
)
def test_health_follows_the_heartbeat(
    has_turned: bool, trouble: str, silent_s: float, alive: bool, ready: bool
) -> None:
    clock = Clock()
    health = Health(clock)
    if has_turned:
        health.beat(trouble)
    clock.now += silent_s
    assert (health.alive().ok, health.ready().ok) == (alive, ready)


def test_what_is_wrong_is_said_until_it_is_over() -> None:
    health = Health(Clock())
    health.beat("the queue does not answer")
    assert health.ready().why == "the queue does not answer"
    health.beat()
    assert health.ready().ok


def test_heartbeat_stays_young_while_a_loop_only_waits() -> None:
    health, stop = Health(), threading.Event()
    assert not health.wait(stop, 0.01, "not installed")
    assert (health.alive().ok, health.ready().why) == (True, "not installed")
    stop.set()
    assert health.wait(stop, 60)
