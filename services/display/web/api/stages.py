"""How the stages do, by what every process says at its /metrics port; they are asked only when somebody asks here."""

import asyncio
import math
import time
from collections import deque
from pathlib import Path

from aiohttp import web

from services.display.web.json_views import Values
from services.display.web.requests import check
from shared.telemetry import scraping as ports
from shared.telemetry.scraping import Scrape
from shared.telemetry.summary import StageSummary, summarize

EVERY_S = 0.9  # however many ask; a page asks once a second
OVER = 4  # scrapes, as in digitcam top: rates over three seconds are steady to look at, and quick to fall
FIRST_S = 0.5  # two scrapes make a rate
FORGET_S = 5.0  # a rate over the time when nobody asked says nothing of now


class Stages:
    """The last few scrapes, shared by all who ask."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._scrapes: deque[Scrape] = deque(maxlen=OVER)
        self._turn = asyncio.Lock()
        self._stages: list[Values] = []

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with every stage that has a worker."""
        check(request.query, {})
        async with self._turn:  # who comes while it is asked shares the answer
            if not self._scrapes or time.monotonic() - self._scrapes[-1].scraped_at > EVERY_S:
                self._stages = await asyncio.to_thread(self._look)
        return web.json_response({"stages": self._stages})

    def _look(self) -> list[Values]:
        if not self._scrapes or time.monotonic() - self._scrapes[-1].scraped_at > FORGET_S:
            self._scrapes.clear()
            self._scrapes.append(ports.scrape_pipeline(self._run_dir))
            time.sleep(FIRST_S)
        self._scrapes.append(ports.scrape_pipeline(self._run_dir))
        stages = summarize(self._scrapes[0], self._scrapes[-1]).stages
        return [of_stage(stage) for stage in stages if stage.workers]


def of_stage(stage: StageSummary) -> Values:
    """Return a stage as values for JSON; what a stage does not have is null."""
    has_batches = not math.isnan(stage.batch_size)
    return {
        "name": stage.name,
        "workers": stage.workers,
        "frames_per_s": round(stage.frames_per_s, 1),
        "age_p50_s": known(stage.age_p50_s),
        "age_p99_s": known(stage.age_p99_s),
        "batch": known(stage.batch_size),
        "busy": round(stage.busy, 3) if has_batches else None,
        "waiting": stage.waiting if has_batches else None,
        "drops_per_s": round(sum(stage.drops_per_s.values()), 1) if stage.drops_per_s else None,
    }


def known(value: float) -> float | None:
    """Return a number for JSON, which has none for nan."""
    return None if math.isnan(value) else round(value, 4)
