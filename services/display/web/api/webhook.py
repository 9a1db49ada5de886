"""Posts every event to the address in WEBHOOK: in order, one at a time, with retries."""

import asyncio
import logging
from collections import deque
from typing import Any

import aiohttp

from services.display.web.conversions import encode_update, event_info
from services.display.web.event_store import Event
from services.display.web.state import Update
from shared.service.backoff import retry_delay
from shared.telemetry import metrics

MAX_WAITING = 1000  # beyond that the oldest events are given up, and counted
TRIES = 6  # over half a minute, so that a receiver that restarts misses nothing
FIRST_DELAY_S, LAST_DELAY_S = 0.5, 15.0
TIMEOUT = aiohttp.ClientTimeout(total=5.0)
HEADERS = {"Content-Type": "application/json"}


class Webhook:
    """Lives in the web server's event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: deque[Event] = deque()
        self._has_events = asyncio.Event()

    def enqueue(self, update: Update) -> None:
        """Queue an event to be posted; other updates are ignored."""
        if isinstance(update, Event):
            self._waiting.append(update)
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popleft()
                metrics.EVENTS_LOST.labels("webhook").inc()
            self._has_events.set()

    async def post_all(self) -> None:
        """Post queued events until cancelled."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                while not self._waiting:
                    self._has_events.clear()
                    await self._has_events.wait()
                event = self._waiting.popleft()
                await self._post(session, encode_update(event.kind, event_info(event)))

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> None:
        trouble: Any = None
        for failures in range(TRIES):
            try:
                request = session.post(self._url, data=body, headers=HEADERS, allow_redirects=False)
                async with request as response:
                    if response.ok:
                        return
                    trouble = f"it answered {response.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                trouble = error or "it did not answer in time"
            await asyncio.sleep(retry_delay(failures, FIRST_DELAY_S, LAST_DELAY_S))
        metrics.EVENTS_LOST.labels("webhook").inc()
        logging.warning("webhook: gave up an event after %d tries: %s", TRIES, trouble)
