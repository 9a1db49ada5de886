"""What the processes of a pipeline on this machine say of themselves, asked at the ports in RUN_DIR/targets."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

ASK_WITHIN_S = 1.0  # a process that is stopped keeps its port, and answers nothing


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """A process that serves /metrics, /livez and /readyz."""

    worker: str
    stage: str
    address: str


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One number of /metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What one process answered; without samples it did not. why says whether it is ready, in a sentence."""

    target: ScrapeTarget
    samples: tuple[MetricSample, ...]
    ready: bool
    why: str


@dataclass(frozen=True, slots=True)
class Scrape:
    """What all processes answered at about one time, which is in seconds of time.monotonic()."""

    at: float
    said: tuple[ProcessStatus, ...]


def find_targets(run_dir: Path) -> list[ScrapeTarget]:
    """The processes that say where they can be asked, by name; one that was killed says so still."""
    return sorted(_read_targets(run_dir), key=lambda target: target.worker)


def _read_targets(run_dir: Path) -> Iterator[ScrapeTarget]:
    for file in (run_dir / "targets").glob("*.json"):
        try:
            entries = json.loads(file.read_text())
        except FileNotFoundError:  # its process has just ended
            continue
        for entry in entries:
            yield ScrapeTarget(entry["labels"]["worker"], entry["labels"]["stage"], entry["targets"][0])


def scrape(run_dir: Path) -> Scrape:
    """Ask every process, all at once: one that does not answer delays none."""
    targets = find_targets(run_dir)
    with ThreadPoolExecutor(max(1, len(targets))) as threads:
        said = tuple(threads.map(ask, targets))
    return Scrape(time.monotonic(), said)


def ask(target: ScrapeTarget) -> ProcessStatus:
    """Ask one process how it is."""
    try:
        _, text = get(target, "/metrics", ASK_WITHIN_S)
        status, why = get(target, "/readyz", ASK_WITHIN_S)
    except (OSError, HTTPException):
        return ProcessStatus(target, (), ready=False, why="it does not answer")
    families = text_string_to_metric_families(text)
    samples = tuple(MetricSample(one.name, one.labels, one.value) for family in families for one in family.samples)
    return ProcessStatus(target, samples, ready=status == 200, why=why.strip())


def get(target: ScrapeTarget, path: str, timeout_s: float) -> tuple[int, str]:
    """The status and the text of an answer. Raises OSError or HTTPException where there is none."""
    try:
        with urllib.request.urlopen(f"http://{target.address}{path}", timeout=timeout_s) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
