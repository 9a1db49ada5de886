"""The webhook: every event arrives, in order, after failures and restarts; what the receiver refuses is listed."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from services.display.web.api import webhook
from services.display.web.event_store import DAY_S, Event, EventStore
from services.display.web.server import WebServer
from shared.settings import ConfigError
from shared.telemetry import metrics
from tests.services.display.web.test_api import ask, hold_up
from tests.services.display.web.test_browser_cameras import becomes
from tests.services.display.web.test_server import in_browser, settings

OLD, NEW = 0.0, 2 * DAY_S
Posted = tuple[str, str]  # kind and number
APPEARED, LEFT = ("appeared", "30"), ("left", "30")


@pytest.fixture(autouse=True)
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(webhook, "LAST_DELAY_S", 0.01)


class Receiver:
    """Takes events at url; answers with the status that `answer` gives for the number of the request, from 1."""

    def __init__(self, answer: Callable[[int], int]) -> None:
        self._answer = answer
        self.url = ""
        self.requests = 0
        self.taken: list[dict[str, Any]] = []

    @property
    def posted(self) -> list[Posted]:
        return [(event["kind"], event["number"]) for event in self.taken]

    async def take(self, request: web.Request) -> web.Response:
        self.requests += 1
        status = self._answer(self.requests)
        if status == 200:
            self.taken.append(await request.json())
        return web.Response(status=status)


@asynccontextmanager
async def run_receiver(answer: Callable[[int], int] = lambda _: 200) -> AsyncIterator[Receiver]:
    receiver, app = Receiver(answer), web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def run_server(run_dir: Path, url: str, **given: str) -> AsyncIterator[WebServer]:
    server = WebServer(settings(run_dir, WEBHOOK=url, **given), time.monotonic)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.close)


async def list_webhook(server: WebServer) -> dict[str, Any]:
    status, answer = await ask(server, "/api/webhook")
    assert status == 200
    return dict(answer)


@pytest.mark.parametrize("status", [301, 401, 404, 408, 410, 429, 500, 503])
def test_events_wait_in_order_until_their_receiver_takes_them(tmp_path: Path, status: int) -> None:
    async def scenario() -> None:
        failing = True
        async with (
            run_receiver(lambda _: status if failing else 200) as receiver,
            run_server(tmp_path, receiver.url) as server,
        ):
            await hold_up(server, 0.5, "hall")
            await hold_up(server, 0.5, "door")
            await becomes(lambda: receiver.requests > 8)
            listed = await list_webhook(server)
            assert (listed["waiting"], listed["refused"]) == (2, 0)
            assert listed["problem"].startswith(f"it answers {status}")
            failing = False
            await becomes(lambda: len(receiver.taken) == 2)
            assert [event["camera"] for event in receiver.taken] == ["hall", "door"]
            await becomes(lambda: metrics.WEBHOOK_FAILURES._value.get() == 0)
            assert (await list_webhook(server))["problem"] is None

    in_browser(scenario)


def test_events_survive_a_restart_while_their_receiver_is_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with run_receiver() as receiver:
            away = receiver.url
        async with run_server(tmp_path, away) as server:
            await hold_up(server, 0.5)
            await becomes(lambda: metrics.WEBHOOK_FAILURES._value.get() > 2)
            assert (await list_webhook(server))["problem"].startswith("it can't be reached at 127.0.0.1:")
        async with run_receiver() as receiver, run_server(tmp_path, receiver.url):
            await becomes(lambda: len(receiver.taken) == 2)
            assert receiver.posted == [APPEARED, LEFT]
            assert receiver.taken[0]["left_at"] is None
            assert receiver.taken[1]["left_at"]
            assert receiver.taken[0]["id"] == receiver.taken[1]["id"]

    in_browser(scenario)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refused_event_is_listed_also_after_a_restart_and_does_not_hold_up_the_others(
    tmp_path: Path, status: int
) -> None:
    async def scenario() -> None:
        async with run_receiver(lambda request: status if request == 1 else 200) as receiver:
            async with run_server(tmp_path, receiver.url) as server:
                await hold_up(server, 0.5, "hall")
                await hold_up(server, 0.5, "door")
                await becomes(lambda: receiver.taken)
                assert receiver.taken[0]["camera"] == "door"
            async with run_server(tmp_path, receiver.url) as server:
                (refused,) = (await list_webhook(server))["refused_events"]
                assert refused["problem"].startswith(f"it answers {status}")
                assert (refused["kind"], refused["event"]["camera"]) == ("appeared", "hall")
                await becomes(lambda: metrics.WEBHOOK_EVENTS.labels("refused")._value.get() == 1)

    in_browser(scenario)


@pytest.mark.parametrize("days", ["0", "30"])
def test_event_that_cannot_be_stored_is_posted(tmp_path: Path, days: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def scenario() -> None:
        async with run_receiver() as receiver, run_server(tmp_path, receiver.url, EVENTS_DAYS=days) as server:
            if days == "30":
                monkeypatch.setattr(EventStore, "add", fail)
            await hold_up(server, 0.5)
            await becomes(lambda: receiver.posted == [APPEARED])
        assert (tmp_path / "events.sqlite").exists() is (days == "30")

    in_browser(scenario)


def test_event_that_was_taken_is_not_posted_again_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def scenario() -> None:
        monkeypatch.setattr(EventStore, "end_delivery", fail)
        async with run_receiver() as receiver, run_server(tmp_path, receiver.url) as server:
            await hold_up(server, 0.5, "hall")
            await hold_up(server, 0.5, "door")
            await becomes(lambda: len(receiver.taken) >= 2)
            assert [event["camera"] for event in receiver.taken] == ["hall", "door"]

    in_browser(scenario)


def test_without_a_webhook_nothing_is_listed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with run_server(tmp_path, "") as server:
            assert (await ask(server, "/api/webhook"))[0] == 404

    in_browser(scenario)


def test_invalid_webhook_address_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="WEBHOOK=ftp://x is not right: it takes http"):
        settings(tmp_path, WEBHOOK="ftp://x")


def event(appeared_at: float) -> Event:
    return Event(id=0, camera="hall", number="7", appeared_at=appeared_at, left_at=None, confidence=0.9)


@pytest.fixture
def store() -> Iterator[EventStore]:
    store = EventStore(None, days=1, max_events=3, has_webhook=True)
    yield store
    store.close()


def test_events_wait_for_as_long_as_events_are_kept_and_are_then_counted_as_lost(store: EventStore) -> None:
    lost = metrics.EVENTS_LOST.labels("webhook")._value
    before = lost.get()
    for at in (OLD, NEW, NEW, NEW):
        store.add(event(at))
    assert (store.count_deliveries(), lost.get() - before) == ((3, 0), 1)
    for _ in range(10):
        store.add(event(NEW))
    assert (store.count_deliveries(), lost.get() - before) == ((4, 0), 10)


def test_appeared_is_posted_as_it_was_although_the_number_has_left_since(store: EventStore) -> None:
    number = store.add(event(NEW))
    store.end(Event(id=number, camera="hall", number="7", appeared_at=NEW, left_at=NEW + 1, confidence=0.99))
    appeared = store.next_delivery(0)
    assert appeared
    left = store.next_delivery(appeared.id)
    assert left
    assert (appeared.event.left_at, appeared.event.confidence) == (None, 0.9)
    assert (left.event.left_at, left.event.confidence) == (NEW + 1, 0.99)
