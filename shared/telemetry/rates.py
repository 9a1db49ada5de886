"""Rates and quantiles between two scrapes, computed as Prometheus does. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable

from shared.telemetry.scraping import MetricSample, ProcessStatus, Scrape


class ScrapeInterval:
    """The time between two scrapes. Counters of a process that restarted in between count from 0."""

    def __init__(self, before: Scrape, after: Scrape) -> None:
        self.after = after
        self._duration_s = max(1e-9, after.scraped_at - before.scraped_at)
        self._before = {
            (process.target, *sample_key(sample)): sample.value
            for process in before.processes
            for sample in process.samples
        }
        self._by_name: dict[str, list[tuple[ProcessStatus, MetricSample]]] = defaultdict(list)
        for process in after.processes:
            for sample in process.samples:
                self._by_name[sample.name].append((process, sample))

    def gauge(self, name: str, **labels: str) -> float:
        """Return the latest value of a gauge, summed over processes; nan if no process exports it."""
        values = [sample.value for _, sample in self._samples(name, labels)]
        return sum(values) if values else math.nan

    def rate(self, name: str, **labels: str) -> float:
        """Return the growth of a counter per second, summed over processes."""
        return sum(self._growth(*found) for found in self._samples(name, labels)) / self._duration_s

    def process_rate(self, process: ProcessStatus, name: str) -> float:
        """Return the growth per second of a counter of one process."""
        return sum(self._growth(process, one) for one in process.samples if one.name == name) / self._duration_s

    def quantile(self, share: float, name: str, **labels: str) -> float:
        """Return a quantile of the observations of a histogram in this interval; nan if there were none."""
        buckets: dict[float, float] = defaultdict(float)
        for process, sample in self._samples(f"{name}_bucket", labels):
            buckets[float(sample.labels["le"])] += self._growth(process, sample)
        return interpolate(share, sorted(buckets.items()))

    def _samples(self, name: str, labels: dict[str, str]) -> Iterable[tuple[ProcessStatus, MetricSample]]:
        return (found for found in self._by_name.get(name, ()) if labels.items() <= found[1].labels.items())

    def _growth(self, process: ProcessStatus, sample: MetricSample) -> float:
        growth = sample.value - self._before.get((process.target, *sample_key(sample)), 0.0)
        return growth if growth >= 0 else sample.value


def sample_key(sample: MetricSample) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return what identifies a sample within its process."""
    return sample.name, frozenset(sample.labels.items())


def interpolate(share: float, buckets: list[tuple[float, float]]) -> float:
    """Return the quantile of a histogram, as histogram_quantile of Prometheus: linear within a bucket.

    buckets are (upper bound, count up to it), the last bound infinite. Beyond the last finite bound that bound is
    returned.
    """
    if not buckets or not buckets[-1][1]:
        return math.nan
    wanted, low, below = share * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted and count > below:
            return low if math.isinf(bound) else low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return low
