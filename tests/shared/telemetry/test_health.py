"""A process is alive while its loop turns, and ready while nothing keeps it from its work."""

import pytest

from shared.telemetry.health import (
    HUNG_AFTER_S,
    QUEUE_SILENT,
    SEND_INTERVAL_S,
    START_WITHIN_S,
    Health,
    NotReady,
    Problem,
)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("has_turned", "problem", "silent_s", "alive", "reason"),
    [
        (True, None, 0.5, True, None),
        (True, QUEUE_SILENT, 0.5, True, NotReady.QUEUE_SILENT),
        (True, None, HUNG_AFTER_S + 0.1, False, NotReady.HUNG),
        (True, QUEUE_SILENT, HUNG_AFTER_S + 0.1, False, NotReady.HUNG),
        (False, None, HUNG_AFTER_S + 0.1, True, NotReady.STARTING),
        (False, None, START_WITHIN_S + 0.1, False, NotReady.HUNG),
    ],
)
def test_health_follows_the_heartbeat(
    has_turned: bool, problem: Problem | None, silent_s: float, alive: bool, reason: NotReady | None
) -> None:
    clock = Clock()
    health = Health(clock)
    if has_turned:
        health.heartbeat(problem)
    clock.now += silent_s
    assert (health.check_alive().ok, health.check_ready().reason) == (alive, reason)


def test_supervisor_hears_of_the_loop_only_while_all_threads_turn() -> None:
    clock, sent = Clock(), []
    health = Health(clock, lambda: sent.append(clock.now))
    other_thread_turned_at = clock.now
    for _ in range(40):
        health.heartbeat(turned_at=other_thread_turned_at)
        clock.now += 0.1
    assert sent == [50.0]
    assert health.check_alive().reason is NotReady.HUNG
    for _ in range(10):
        health.heartbeat()
        clock.now += 0.1
    assert 4 <= len(sent) <= 1 + 1 / SEND_INTERVAL_S
    assert health.check_alive().ok


def test_process_is_ready_again_when_its_problem_is_over() -> None:
    health = Health(Clock())
    health.heartbeat(QUEUE_SILENT)
    assert health.check_ready().message == "the queue does not answer"
    health.heartbeat()
    assert health.check_ready().ok
