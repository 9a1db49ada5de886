"""Counters are summarized as drops by stage and reason, and as batches by stage."""

from collections import Counter

from benchmarks.counters import CounterKey, count_drops, summarize_batches


def sample(name: str, **labels: str) -> CounterKey:
    return f"digitcam_{name}", frozenset(labels.items())


def test_drops_of_all_cameras_are_summed_by_stage_and_reason() -> None:
    found = count_drops(
        Counter(
            {
                sample("drops_total", camera="a", stage="inference", reason="stale"): 2,
                sample("drops_total", camera="b", stage="inference", reason="stale"): 3,
                sample("drops_total", camera="b", stage="capture", reason="replaced"): 1,
                sample("frames_total", camera="b", stage="queue"): 99,
            }
        )
    )
    assert found == {"inference stale": 5, "capture replaced": 1}


def test_batches_have_a_mean_size_and_closing_reasons() -> None:
    found = summarize_batches(
        Counter(
            {
                sample("batch_size_sum", stage="inference"): 12,
                sample("batch_size_count", stage="inference"): 5,
                sample("batches_total", stage="inference", reason="drained"): 4,
                sample("batches_total", stage="inference", reason="full"): 1,
                sample("batches_total", stage="preprocess", reason="full"): 7,
            }
        )
    )
    assert found["inference"] == {"mean_size": 2.4, "drained": 4, "full": 1}
    assert found["preprocess"] == {"mean_size": 0.0, "full": 7}
