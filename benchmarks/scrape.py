"""What the pipeline's processes say at /metrics, as counts that grow."""

import json
import urllib.request
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from shared.pipeline import WORKER_STAGES

Sample = tuple[str, frozenset[tuple[str, str]]]  # name and labels; the worker's name is the label "worker"
TIMEOUT_S = 5.0


def scrape(run_dir: Path, stages: tuple[str, ...]) -> Counter[Sample]:
    """Every sample of the workers of these stages."""
    found: Counter[Sample] = Counter()
    for file in (run_dir / "targets").glob("*.json"):
        for target in json.loads(file.read_text()):
            if target["labels"]["stage"] in stages:
                found += read(target["targets"][0])
    return found


def read(address: str) -> Counter[Sample]:
    """Every sample of one worker."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=TIMEOUT_S) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples if family.type in ("counter", "histogram")]
    return Counter({(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples})


def drops(samples: Counter[Sample]) -> Counter[str]:
    """Frames that were dropped, by "stage reason"."""
    found: Counter[str] = Counter()
    for (name, labels), count in samples.items():
        if name == "digitcam_drops_total":
            label = dict(labels)
            found[f"{label['stage']} {label['reason']}"] += round(count)
    return found


def batches(samples: Counter[Sample]) -> dict[str, dict[str, float]]:
    """By stage: the mean size of batches, and how many were closed for each reason."""
    found: dict[str, dict[str, float]] = {}
    for stage in WORKER_STAGES:
        label = frozenset({("stage", stage)})
        count = samples[("digitcam_batch_size_count", label)]
        mean = samples[("digitcam_batch_size_sum", label)] / count if count else 0.0
        found[stage] = {"mean_size": round(mean, 2)}
        for (name, labels), closed in samples.items():
            if name == "digitcam_batches_total" and label < labels:
                found[stage][dict(labels)["reason"]] = round(closed)
    return found
