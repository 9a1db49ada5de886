"""How the stages do, as the page is told: asked of every process, and only while somebody asks."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.display.web.api import stages
from services.display.web.server import WebServer
from shared.service.lifecycle import write_scrape_target
from shared.service.signals import scrape_target_path
from shared.telemetry import metrics
from shared.telemetry import scraping as ports
from shared.telemetry.health import Health
from shared.telemetry.scraping import Scrape
from shared.telemetry.status_server import serve_status
from tests.services.display.web.test_api import ask
from tests.services.display.web.test_server import in_browser, settings


@pytest.fixture
def page(tmp_path: Path) -> Iterator[WebServer]:
    page = WebServer(settings(tmp_path), time.monotonic)
    yield page
    page.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Scrape]:
    """What the processes were asked, and answered."""
    found: list[Scrape] = []
    scrape = ports.scrape_pipeline

    def note(run_dir: Path) -> Scrape:
        found.append(scrape(run_dir))
        return found[-1]

    monkeypatch.setattr(ports, "scrape_pipeline", note)
    return found


def test_stage_is_told_with_its_rate_its_ages_and_its_drops(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        with serve_status(Health()) as port:
            write_scrape_target(
                scrape_target_path(tmp_path, "preprocess.1"), port, {"stage": "preprocess", "worker": "preprocess.1"}
            )
            question = asyncio.create_task(ask(page, "/api/stages"))
            while not question.done():
                metrics.FRAMES.labels("of test_stages", "preprocess").inc()
                metrics.AGE.labels("of test_stages", "preprocess").observe(0.012)
                await asyncio.sleep(0.01)
            (stage,) = (await question)[1]["stages"]
        assert (stage["name"], stage["workers"]) == ("preprocess", 1)
        assert 20 < stage["frames_per_s"] <= 100
        assert 0.01 <= stage["age_p50_s"] <= stage["age_p99_s"] <= 0.015
        assert (stage["batch"], stage["busy"], stage["drops_per_s"]) == (None, None, 0.0)

    in_browser(scenario)


def test_all_who_ask_at_once_share_an_answer_and_nobody_is_asked_when_none_does(
    page: WebServer, asked: list[Scrape]
) -> None:
    async def scenario() -> None:
        assert not asked
        answers = await asyncio.gather(*(ask(page, "/api/stages") for _ in range(8)))
        assert answers == [(200, {"stages": []})] * 8
        assert len(asked) == 2

    in_browser(scenario)


def test_rate_is_never_taken_over_the_time_when_nobody_asked(
    page: WebServer, asked: list[Scrape], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "FORGET_S", 0.0)
    monkeypatch.setattr(stages, "EVERY_S", 0.0)

    async def scenario() -> None:
        for _ in range(2):
            await ask(page, "/api/stages")
        assert len(asked) == 4
        assert len(page._api.stages._scrapes) == 2

    in_browser(scenario)
