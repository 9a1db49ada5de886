"""Counters of the pipeline's processes, summed over processes."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from shared.pipeline import WORKER_STAGES, Stage
from shared.telemetry.scraping import fetch, find_targets

CounterKey = tuple[str, frozenset[tuple[str, str]]]  # name and labels
TIMEOUT_S = 5.0  # on a machine that is fully loaded


def scrape_counters(run_dir: Path, stages: Collection[Stage]) -> Counter[CounterKey]:
    """Return every sample of the processes of these stages. Raises OSError if one does not answer."""
    found: Counter[CounterKey] = Counter()
    for target in find_targets(run_dir):
        if target.stage in stages:
            _, text = fetch(target, "/metrics", TIMEOUT_S)
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found[sample.name, frozenset(sample.labels.items())] += sample.value  # type: ignore[assignment]
    return found


def count_drops(samples: Counter[CounterKey]) -> Counter[str]:
    """Return dropped frames by "stage reason"."""
    found: Counter[str] = Counter()
    for (name, labels), count in samples.items():
        if name == "digitcam_drops_total":
            label = dict(labels)
            found[f"{label['stage']} {label['reason']}"] += round(count)
    return found


def summarize_batches(samples: Counter[CounterKey]) -> dict[str, dict[str, float]]:
    """Return by stage the mean batch size, and how many batches closed for each reason."""
    found: dict[str, dict[str, float]] = {}
    for stage in WORKER_STAGES:
        label = frozenset({("stage", str(stage))})
        count = samples["digitcam_batch_size_count", label]
        mean = samples["digitcam_batch_size_sum", label] / count if count else 0.0
        found[stage] = {"mean_size": round(mean, 2)}
        for (name, labels), closed in samples.items():
            if name == "digitcam_batches_total" and label < labels:
                found[stage][dict(labels)["reason"]] = round(closed)
    return found
