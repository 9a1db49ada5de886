"""A task or a handler that fails is counted, and nobody waits for it."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSCloseCode
from prometheus_client import REGISTRY

from services.display.web.server import WebServer
from services.display.web.tasks import keep_running
from tests.services.display.web.test_server import fetch, in_browser, open_live_view, settings, shown
from tests.services.feed import UP


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(settings(tmp_path), time.monotonic)
    yield server
    server.close()


def failures(task: str) -> float:
    return REGISTRY.get_sample_value("digitcam_web_failures_total", {"task": task}) or 0.0


def fail(*_: object) -> None:
    raise RuntimeError("a bug of this test")


def test_browser_whose_task_fails_is_disconnected_and_counted(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        before = failures("socket")
        async with open_live_view(server) as browser:
            monkeypatch.setattr("services.display.web.live.viewer.encode_picture", fail)
            server.update([shown()], UP)
            assert await browser.end() == WSCloseCode.INTERNAL_ERROR
        assert failures("socket") == before + 1

    in_browser(scenario)


def test_browser_camera_whose_connection_to_the_queue_fails_is_disconnected(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        before = failures("uplink")
        server = WebServer(settings(tmp_path), time.monotonic, connect=fail)  # type: ignore[arg-type]
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/browser/ws") as opened:
            async for _ in opened:
                pass
            assert opened.close_code == WSCloseCode.INTERNAL_ERROR
        server.close()
        assert failures("uplink") == before + 1

    in_browser(scenario)


def test_request_that_fails_is_answered_and_counted(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        before = failures("request")
        monkeypatch.setattr("services.display.web.api.readings.reading_info", fail)
        server.update([shown()], UP)
        for _ in range(3):
            status, text, headers = await fetch(server, "/api/readings")
            assert (status, json.loads(text)["error"][:11]) == (500, "The display")
            assert "default-src" in headers["Content-Security-Policy"]
        assert failures("request") == before + 3

    in_browser(scenario)


def test_listener_whose_stream_fails_is_disconnected(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        before = failures("request")
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/api/stream") as opened:
            monkeypatch.setattr("services.display.web.api.stream.reading_info", fail)
            server.update([shown()], UP)
            with pytest.raises(aiohttp.ClientError):
                await opened.content.read()
        assert failures("request") == before + 1

    in_browser(scenario)


def test_work_that_never_ends_begins_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.display.web.tasks.RESTART_AFTER_S", 0.0)
    runs: list[int] = []

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 3:
            await asyncio.sleep(100)
        raise RuntimeError("a bug of this test")

    async def scenario() -> None:
        task = asyncio.create_task(keep_running("of this test", work))
        while len(runs) < 3:
            await asyncio.sleep(0)
        task.cancel()

    in_browser(scenario)
    assert failures("of this test") == 2


def test_update_that_fails_is_counted_and_the_next_one_arrives(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        before = failures("loop")
        async with open_live_view(server) as browser:
            with monkeypatch.context() as patch:
                patch.setattr(server.api, "update", fail)
                server.update([shown()], UP)
                assert (await browser.picture())[0]["seq"] == 1
                while failures("loop") == before:
                    await asyncio.sleep(0.01)
            await browser.send(kind="painted", camera="demo")
            server.update([shown(seq=2)], UP)
            assert (await browser.picture())[0]["seq"] == 2

    in_browser(scenario)
