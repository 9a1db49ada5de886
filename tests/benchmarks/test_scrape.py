"""Counters become drops by stage and reason, and batches by stage."""

from collections import Counter

from benchmarks.scrape import Sample, batches, drops


def sample(name: str, **labels: str) -> Sample:
    return f"digitcam_{name}", frozenset(labels.items())


def test_drops_of_all_cameras_are_added_up_by_stage_and_reason() -> None:
    found = drops(
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


def test_batches_have_their_mean_size_and_why_they_were_closed() -> None:
    found = batches(
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
