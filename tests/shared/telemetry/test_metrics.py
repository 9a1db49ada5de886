"""Metrics: what is looked up quickly is what prometheus_client exports."""

from prometheus_client import CollectorRegistry, generate_latest

from shared.pipeline import DropReason, Stage
from shared.telemetry.metrics import Counter, Gauge


def export(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_series_is_the_same_for_equal_labels_of_another_type() -> None:
    registry = CollectorRegistry()
    drops = Counter("drops", "", ["camera", "stage", "reason"], registry=registry)
    drops.labels("hall", Stage.QUEUE, DropReason.STALE).inc()
    drops.labels("hall", "queue", "stale").inc()
    drops.labels(camera="hall", stage="queue", reason="stale").inc()
    assert export(registry) == ['drops_total{camera="hall",reason="stale",stage="queue"} 3.0']


def test_removed_series_counts_from_zero_when_it_comes_again() -> None:
    registry = CollectorRegistry()
    up = Gauge("up", "", ["camera"], registry=registry)
    for is_by_name in (False, True):
        up.labels("hall").inc()
        up.labels("door").set(1)
        if is_by_name:
            up.remove_by_labels({"camera": "hall"})
        else:
            up.remove("hall")
        assert export(registry) == ['up{camera="door"} 1.0']
    up.labels("hall").inc()
    assert 'up{camera="hall"} 1.0' in export(registry)
