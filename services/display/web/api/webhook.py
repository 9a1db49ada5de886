"""Tells another program of every event: one POST each, in order, tried again while that program does not answer."""

import asyncio
import logging
from collections import deque
from typing import Any

import aiohttp

from services.display.web.event_store import Event
from services.display.web.json_views import Values, of_event
from services.display.web.state import Update
from shared.service.backoff import retry_delay
from shared.telemetry import metrics

MAX_WAITING = 1000  # then the oldest events are given up, and counted
TRIES = 6  # over half a minute: a program that restarts misses nothing
FIRST_DELAY_S, LAST_DELAY_S = 0.5, 15.0
TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class Webhook:
    """Events on their way to an address. Lives in the page's event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()

    def put(self, item: Update) -> None:
        """Let an event wait for its turn."""
        if isinstance(item, Event):
            self._waiting.append(item)
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popleft()
                metrics.EVENTS_LOST.labels("webhook").inc()
            self._news.set()

    async def post_all(self) -> None:
        """Post what waits, for ever."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                while not self._waiting:
                    self._news.clear()
                    await self._news.wait()
                event = self._waiting.popleft()
                kind = "appeared" if event.left_at is None else "left"
                await self._post(session, {"kind": kind, **of_event(event)})

    async def _post(self, session: aiohttp.ClientSession, values: Values) -> None:
        trouble: Any = None
        for failures in range(TRIES):
            try:
                async with session.post(self._url, json=values, allow_redirects=False) as answer:
                    if answer.ok:
                        return
                    trouble = f"it answered {answer.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                trouble = error or "it did not answer in time"
            await asyncio.sleep(retry_delay(failures, FIRST_DELAY_S, LAST_DELAY_S))
        metrics.EVENTS_LOST.labels("webhook").inc()
        logging.warning("webhook: gave up an event after %d tries: %s", TRIES, trouble)
