"""Posts every event to the address in WEBHOOK: in order, one at a time, until the receiver takes it.

GET /api/webhook lists what waits and what the receiver refused. What is retried and why: decisions/0028.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from services.display.web.conversions import encode_update, event_info
from services.display.web.event_store import Delivery, Event, EventStore
from services.display.web.schema import RefusedEvent, WebhookInfo
from services.display.web.state import Update
from shared.service.backoff import retry_delay
from shared.telemetry import metrics

FIRST_DELAY_S, LAST_DELAY_S = 0.5, 30.0
TIMEOUT = aiohttp.ClientTimeout(total=5.0)
HEADERS = {"Content-Type": "application/json"}
REFUSALS = (400, 413, 422)  # of this event: it would be refused again, and others may be taken
MAX_UNSTORED = 1000  # events in memory while the disk is full; beyond that the oldest are given up, and counted
MAX_LISTED = 100  # refused events in one response
UNSTORED = 0  # the id of a delivery that could not be stored; SQLite counts from 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: the HTTP status, 0 if there was no answer; problem is "" if the event was taken."""

    status: int
    problem: str


class Webhook:
    """Lives in the web server's event loop. The events wait in the store, so that they survive a restart."""

    def __init__(self, url: str, store: EventStore) -> None:
        self._url, self._store = url, store
        self._unstored: deque[Event] = deque()
        self._done_id = 0  # of the last delivery that ended: on a full disk it can't be deleted
        self._has_events = asyncio.Event()
        self._problem = ""
        self._failures = 0

    @property
    def is_on(self) -> bool:
        return bool(self._url)

    async def get_webhook(self) -> WebhookInfo:
        """Which events wait for the receiver of WEBHOOK, and which it refused, the newest first."""
        if not self.is_on:
            raise web.HTTPNotFound(text="no event is posted: WEBHOOK is not set")
        try:
            waiting, refused = self._store.count_deliveries()
            refused_events = self._store.find_refused(MAX_LISTED)
        except sqlite3.Error as error:
            raise web.HTTPConflict(text=str(error)) from error
        return WebhookInfo(
            waiting=waiting + len(self._unstored),
            problem=self._problem if self._failures else None,
            refused=refused,
            refused_events=[
                RefusedEvent(kind=one.event.kind, problem=one.problem or "", event=event_info(one.event))
                for one in refused_events
            ],
        )

    def notice(self, update: Update) -> None:
        """Take notice of an event that was stored; keep in memory one that could not be. Ignores other updates."""
        if not isinstance(update, Event):
            return
        try:
            is_stored = self._store.is_delivery_stored(update)
        except sqlite3.Error:
            is_stored = False
        if not is_stored:
            self._unstored.append(update)
            if len(self._unstored) > MAX_UNSTORED:
                self._unstored.popleft()
                metrics.EVENTS_LOST.labels("webhook").inc()
        self._export_counts()
        self._has_events.set()

    async def post_all(self) -> None:
        """Post events, those of the last run first, until cancelled."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            while True:
                self._export_counts()
                self._has_events.clear()
                if delivery := self._find_next():
                    await self._post(session, delivery)
                else:
                    await self._has_events.wait()

    def _find_next(self) -> Delivery | None:
        try:
            stored = self._store.next_delivery(self._done_id)
        except sqlite3.Error as error:
            logging.warning("webhook: events can't be read from RUN_DIR: %s", error)
            stored = None
        if stored or not self._unstored:
            return stored
        return Delivery(UNSTORED, None, self._unstored[0])

    async def _post(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        """Post an event once, and wait if the receiver did not take it."""
        answer = await request(session, self._url, encode_update(delivery.event.kind, event_info(delivery.event)))
        self._log(answer)
        metrics.WEBHOOK_STATUS.set(answer.status)
        if not answer.problem or answer.status in REFUSALS:
            self._end(delivery, answer.problem)
        self._failures = self._failures + 1 if answer.problem else 0
        metrics.WEBHOOK_FAILURES.set(self._failures)
        if answer.problem and answer.status not in REFUSALS:
            await asyncio.sleep(retry_delay(self._failures, FIRST_DELAY_S, LAST_DELAY_S))

    def _end(self, delivery: Delivery, problem: str) -> None:
        if problem:
            metrics.EVENTS_LOST.labels("webhook").inc()
        if delivery.id == UNSTORED:
            if self._unstored[0] is delivery.event:  # it may have been given up meanwhile
                self._unstored.popleft()
            return
        self._done_id = delivery.id
        try:
            self._store.end_delivery(delivery.id, problem or None)
        except sqlite3.Error as error:
            logging.warning("webhook: RUN_DIR can't be written (%s): after a restart an event is posted again", error)

    def _log(self, answer: Answer) -> None:
        """Log a change, not each try."""
        if answer.problem and answer.problem != self._problem:
            rest = "the event is listed in /api/webhook" if answer.status in REFUSALS else "events wait until it does"
            logging.warning("webhook: its receiver does not take an event (%s); %s", answer.problem, rest)
        elif self._problem and not answer.problem:
            logging.info("webhook: its receiver takes events again")
        self._problem = answer.problem

    def _export_counts(self) -> None:
        try:
            waiting, refused = self._store.count_deliveries()
        except sqlite3.Error:
            return
        metrics.WEBHOOK_EVENTS.labels("waiting").set(waiting + len(self._unstored))
        metrics.WEBHOOK_EVENTS.labels("refused").set(refused)


async def request(session: aiohttp.ClientSession, url: str, body: bytes) -> Answer:
    """Post an event once."""
    try:
        async with session.post(url, data=body, headers=HEADERS, allow_redirects=False) as response:
            status = response.status
            return Answer(status, "" if 200 <= status < 300 else f"it answers {status} {response.reason or ''}".strip())
    except TimeoutError:
        return Answer(0, f"it does not answer within {TIMEOUT.total:.0f} s")
    except aiohttp.ClientConnectorError as error:
        return Answer(0, f"it can't be reached at {error.host}:{error.port}")
    except (aiohttp.ClientError, OSError) as error:
        return Answer(0, str(error) or "it closes the connection")
