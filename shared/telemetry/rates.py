"""How the numbers of a pipeline changed between two scrapes: rates and quantiles, as Prometheus takes them. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable

from shared.telemetry.scraping import MetricSample, ProcessStatus, Scrape


class Change:
    """Two scrapes, and how their numbers differ; a process that was started again counts from 0."""

    def __init__(self, before: Scrape, after: Scrape) -> None:
        self.after = after
        self._over_s = max(1e-9, after.at - before.at)
        self._before = {(said.target, *key(one)): one.value for said in before.said for one in said.samples}
        self._by_name: dict[str, list[tuple[ProcessStatus, MetricSample]]] = defaultdict(list)
        for said in after.said:
            for one in said.samples:
                self._by_name[one.name].append((said, one))

    def now(self, name: str, **labels: str) -> float:
        """The sum of the newest values of a gauge; nan where there are none."""
        values = [one.value for _, one in self._samples(name, labels)]
        return sum(values) if values else math.nan

    def rate(self, name: str, **labels: str) -> float:
        """How much a counter grew a second, over all processes."""
        return sum(self._growth(said, one) for said, one in self._samples(name, labels)) / self._over_s

    def rate_of(self, said: ProcessStatus, name: str) -> float:
        """How much a counter of one process grew a second."""
        return sum(self._growth(said, one) for one in said.samples if one.name == name) / self._over_s

    def quantile(self, share: float, name: str, **labels: str) -> float:
        """A quantile of what a histogram saw in between, taken as Prometheus does; nan where it saw nothing."""
        buckets: dict[float, float] = defaultdict(float)
        for said, one in self._samples(f"{name}_bucket", labels):
            buckets[float(one.labels["le"])] += self._growth(said, one)
        return interpolate(share, sorted(buckets.items()))

    def _samples(self, name: str, labels: dict[str, str]) -> Iterable[tuple[ProcessStatus, MetricSample]]:
        return ((said, one) for said, one in self._by_name.get(name, ()) if labels.items() <= one.labels.items())

    def _growth(self, said: ProcessStatus, one: MetricSample) -> float:
        grown = one.value - self._before.get((said.target, *key(one)), 0.0)
        return grown if grown >= 0 else one.value


def key(sample: MetricSample) -> tuple[str, frozenset[tuple[str, str]]]:
    """What names a sample among those of its process."""
    return sample.name, frozenset(sample.labels.items())


def interpolate(share: float, buckets: list[tuple[float, float]]) -> float:
    """Where a share of the observations lies; buckets are upper bounds, the last one infinite, with counts up to them.

    Linear within a bucket, and the last finite bound beyond it, as Prometheus' histogram_quantile.
    """
    if not buckets or not buckets[-1][1]:
        return math.nan
    wanted, low, below = share * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted and count > below:
            return low if math.isinf(bound) else low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return low
