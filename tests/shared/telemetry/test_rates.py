"""Rates and quantiles between two scrapes, as Prometheus computes them."""

import math

import pytest

from shared.telemetry.health import ProbeResult
from shared.telemetry.rates import ScrapeInterval, interpolate
from shared.telemetry.scraping import MetricSample, ProcessStatus, Scrape, ScrapeTarget

READY = ProbeResult(None, "")
QUEUE = ScrapeTarget("queue.1", "queue", "127.0.0.1:1")


def scrape(at: float, *samples: MetricSample) -> Scrape:
    return Scrape(at, (ProcessStatus(QUEUE, samples, READY),))


def frames(value: float, camera: str = "hall") -> MetricSample:
    return MetricSample("digitcam_frames_total", {"camera": camera, "stage": "queue"}, value)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([frames(10)], [frames(70)], 30.0),
        ([], [frames(60)], 30.0),
        ([frames(1000)], [frames(20)], 10.0),  # its process restarted
        ([frames(10), frames(5, "door")], [frames(40), frames(35, "door")], 15.0),
    ],
)
def test_rate_is_growth_over_time(before: list[MetricSample], after: list[MetricSample], expected: float) -> None:
    interval = ScrapeInterval(scrape(100.0, *before), scrape(102.0, *after))
    assert interval.rate("digitcam_frames_total", camera="hall") == expected


def test_gauge_that_no_process_exports_is_nan_not_0() -> None:
    assert math.isnan(ScrapeInterval(scrape(1.0), scrape(2.0)).gauge("digitcam_waiting", stage="inference"))


@pytest.mark.parametrize(
    ("share", "buckets", "expected"),
    [
        (0.5, [(0.1, 0), (0.2, 10), (math.inf, 10)], 0.15),
        (0.99, [(0.1, 100), (math.inf, 100)], 0.099),
        (0.99, [(0.1, 50), (0.2, 50), (math.inf, 100)], 0.2),  # beyond the last finite bound
        (0.5, [(0.1, 100), (0.2, 100), (math.inf, 100)], 0.05),
    ],
)
def test_quantile_is_interpolated_within_its_bucket(
    share: float, buckets: list[tuple[float, float]], expected: float
) -> None:
    assert interpolate(share, buckets) == pytest.approx(expected)


@pytest.mark.parametrize("buckets", [[], [(0.1, 0.0), (math.inf, 0.0)]])
def test_quantile_of_nothing_is_nan(buckets: list[tuple[float, float]]) -> None:
    assert math.isnan(interpolate(0.5, buckets))
