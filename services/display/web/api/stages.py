"""GET /api/stages: the rates and ages of each stage, from every process's /metrics. Scraped only on request."""

import asyncio
import math
import time
from collections import deque
from pathlib import Path

from services.display.web.schema import StageInfo, StageList
from shared.telemetry import scraping
from shared.telemetry.scraping import Scrape
from shared.telemetry.summary import StageSummary, summarize

SCRAPE_EVERY_S = 0.9  # however many clients ask; the web interface asks once a second
KEPT_SCRAPES = 4  # as in digitcam top: rates over three seconds are calm to look at, and quick to fall
FIRST_INTERVAL_S = 0.5  # a rate needs two scrapes
MAX_GAP_S = 5.0  # older scrapes are dropped, because rates over a long gap are out of date


class StagesApi:
    """The last few scrapes, shared by all clients."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._scrapes: deque[Scrape] = deque(maxlen=KEPT_SCRAPES)
        self._lock = asyncio.Lock()
        self._stages: list[StageInfo] = []

    async def list_stages(self) -> StageList:
        """Rate, ages, batch size and load of each stage on this machine."""
        async with self._lock:  # requests that come during a scrape share its result
            if not self._scrapes or time.monotonic() - self._scrapes[-1].scraped_at > SCRAPE_EVERY_S:
                self._stages = await asyncio.to_thread(self._scrape)
        return StageList(stages=self._stages)

    def _scrape(self) -> list[StageInfo]:
        if not self._scrapes or time.monotonic() - self._scrapes[-1].scraped_at > MAX_GAP_S:
            self._scrapes.clear()
            self._scrapes.append(scraping.scrape_pipeline(self._run_dir))
            time.sleep(FIRST_INTERVAL_S)
        self._scrapes.append(scraping.scrape_pipeline(self._run_dir))
        stages = summarize(self._scrapes[0], self._scrapes[-1]).stages
        return [stage_info(stage) for stage in stages if stage.workers]


def stage_info(stage: StageSummary) -> StageInfo:
    """Return a stage's figures; None for those that it does not have."""
    has_batches = not math.isnan(stage.batch_size)
    return StageInfo(
        name=stage.name,
        workers=stage.workers or 0,
        frames_per_s=round(stage.frames_per_s, 1),
        age_p50_s=known(stage.age_p50_s),
        age_p99_s=known(stage.age_p99_s),
        batch=known(stage.batch_size),
        busy=round(stage.busy, 3) if has_batches else None,
        waiting=stage.waiting if has_batches else None,
        drops_per_s=round(sum(stage.drops_per_s.values()), 1) if stage.drops_per_s else None,
    )


def known(value: float) -> float | None:
    """Return a rounded number; None for NaN, which JSON does not have."""
    return None if math.isnan(value) else round(value, 4)
