"""Scrapes the metrics and the readiness of every process on this machine, through the ports in RUN_DIR/targets."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from shared.settings import ConfigError
from shared.state_files import read_state
from shared.telemetry.health import NotReady, ProbeResult

TIMEOUT_S = 1.0  # a stopped process keeps its port but never answers
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has another 127.0.0.1


class NoPipelineError(ConfigError):
    """No process is registered in RUN_DIR."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(f"no pipeline runs here (RUN_DIR={run_dir}): start one with honcho start or digitcam up.")


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """A process that serves /metrics, /livez and /readyz."""

    worker: str
    stage: str
    address: str


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One value of /metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """The metrics and the readiness of one process; no samples if it did not answer."""

    target: ScrapeTarget
    samples: tuple[MetricSample, ...]
    readiness: ProbeResult


@dataclass(frozen=True, slots=True)
class Scrape:
    """The status of all processes at one time, in seconds of time.monotonic()."""

    scraped_at: float
    processes: tuple[ProcessStatus, ...]


def find_targets(run_dir: Path) -> list[ScrapeTarget]:
    """Return the registered processes by name; one that was killed is still registered.

    A file may be gone, since its process has just ended. One that is damaged is written again by its process.
    """
    targets = []
    for file in (run_dir / "targets").glob("*.json"):
        with suppress(OSError, ValueError, TypeError, LookupError, RecursionError):
            targets += parse_targets(read_state(file))
    return sorted(targets, key=lambda target: target.worker)


def parse_targets(content: bytes) -> list[ScrapeTarget]:
    """Return the processes of a scrape target. Raises ValueError, TypeError, LookupError or RecursionError."""
    found = [(one["labels"]["worker"], one["labels"]["stage"], one["targets"][0]) for one in json.loads(content)]
    if not all(isinstance(text, str) for texts in found for text in texts):
        raise TypeError("a text is wrong")
    return [ScrapeTarget(*texts) for texts in found]


def scrape_pipeline(run_dir: Path) -> Scrape:
    """Scrape all processes in parallel, so that one that does not answer delays no other."""
    targets = find_targets(run_dir)
    with ThreadPoolExecutor(max(1, len(targets))) as threads:
        processes = tuple(threads.map(scrape_process, targets))
    return Scrape(time.monotonic(), processes)


def scrape_process(target: ScrapeTarget) -> ProcessStatus:
    """Fetch the metrics and the readiness of one process."""
    try:
        _, text = fetch(target, "/metrics", TIMEOUT_S)
        _, answer = fetch(target, "/readyz", TIMEOUT_S)
    except (OSError, HTTPException):
        return ProcessStatus(target, (), ProbeResult(NotReady.UNREACHABLE, "it does not answer"))
    families = text_string_to_metric_families(text)
    samples = tuple(MetricSample(one.name, one.labels, one.value) for family in families for one in family.samples)
    return ProcessStatus(target, samples, parse_probe(answer))


def parse_probe(text: str) -> ProbeResult:
    """Return what a process answered at /livez or /readyz."""
    probe = json.loads(text)
    return ProbeResult(probe["reason"] and NotReady(probe["reason"]), probe["message"])


def fetch(target: ScrapeTarget, path: str, timeout_s: float) -> tuple[int, str]:
    """Return status and body of a response. Raises OSError or HTTPException without a response."""
    try:
        with DIRECT.open(f"http://{target.address}{path}", timeout=timeout_s) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
