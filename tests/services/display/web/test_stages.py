"""GET /api/stages: scrapes every process, and only on request."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.display.web.api import stages
from services.display.web.server import WebServer
from shared.service.lifecycle import write_scrape_target
from shared.service.signals import scrape_target_path
from shared.telemetry import metrics, scraping
from shared.telemetry.health import Health
from shared.telemetry.scraping import Scrape
from shared.telemetry.status_server import serve_status
from tests.services.display.web.test_api import ask
from tests.services.display.web.test_server import in_browser, settings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(settings(tmp_path), time.monotonic)
    yield server
    server.close()


@pytest.fixture
def scrapes(monkeypatch: pytest.MonkeyPatch) -> list[Scrape]:
    """Every scrape that was made."""
    made: list[Scrape] = []
    scrape = scraping.scrape_pipeline

    def record(run_dir: Path) -> Scrape:
        made.append(scrape(run_dir))
        return made[-1]

    monkeypatch.setattr(scraping, "scrape_pipeline", record)
    return made


def test_stage_is_listed_with_rate_ages_and_drops(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics.WORKERS.clear()  # a queue of another test in this process has told of its workers
    monkeypatch.setattr(stages, "FIRST_INTERVAL_S", 0.0)
    scrape, times = scraping.scrape_pipeline, iter((100.0, 100.5))

    def scrape_half_a_second_apart(run_dir: Path) -> Scrape:
        made = replace(scrape(run_dir), scraped_at=next(times))
        for _ in range(20):
            metrics.FRAMES.labels("of test_stages", "preprocess").inc()
            metrics.AGE.labels("of test_stages", "preprocess").observe(0.012)
        return made

    monkeypatch.setattr(scraping, "scrape_pipeline", scrape_half_a_second_apart)

    async def scenario() -> None:
        with serve_status(Health()) as port:
            write_scrape_target(
                scrape_target_path(tmp_path, "preprocess.1"), port, {"stage": "preprocess", "worker": "preprocess.1"}
            )
            _, answer = await ask(server, "/api/stages")
        (stage,) = answer["stages"]
        assert (stage["name"], stage["workers"]) == ("preprocess", 1)
        assert stage["frames_per_s"] == 40.0
        assert 0.01 <= stage["age_p50_s"] <= stage["age_p99_s"] <= 0.015
        assert (stage["batch"], stage["busy"], stage["drops_per_s"]) == (None, None, 0.0)

    in_browser(scenario)


def test_simultaneous_requests_share_one_scrape(server: WebServer, scrapes: list[Scrape]) -> None:
    async def scenario() -> None:
        assert not scrapes
        answers = await asyncio.gather(*(ask(server, "/api/stages") for _ in range(8)))
        assert answers == [(200, {"stages": []})] * 8
        assert len(scrapes) == 2

    in_browser(scenario)


def test_rate_is_not_computed_over_a_time_without_requests(
    server: WebServer, scrapes: list[Scrape], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "MAX_GAP_S", 0.0)
    monkeypatch.setattr(stages, "SCRAPE_EVERY_S", 0.0)

    async def scenario() -> None:
        for _ in range(2):
            await ask(server, "/api/stages")
        assert len(scrapes) == 4
        assert len(server.api.stages._scrapes) == 2

    in_browser(scenario)
