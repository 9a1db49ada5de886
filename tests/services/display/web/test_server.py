"""The web server as a browser sees it: what it sends, to whom, and what it refuses."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType
from multidict import CIMultiDictProxy

from services.display.display_state import CameraDisplay, DisplayFrame
from services.display.web.live.hub import MAX_VIEWERS
from services.display.web.live.viewer import MESSAGE_BURST
from services.display.web.server import TURN_INTERVAL_S, WebServer
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.settings import ConfigError, Settings, load_settings
from tests.memory import find_kept
from tests.services.feed import DOWN, UP, pictures, view_of

TOKEN = "a secret of the tests"  # noqa: S105 - used here only


def settings(tmp_path: Path, **given: str) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        given = {
            "WEB_PORT": str(free.getsockname()[1]),
            "RUN_DIR": str(tmp_path),
            "LEARNED_DIR": str(tmp_path / "learned"),
        } | given
    return load_settings(given, tmp_path / ".env")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(settings(tmp_path), time.monotonic)
    yield server
    server.close()


@pytest.fixture
def locked_server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(settings(tmp_path, WEB_TOKEN=TOKEN), time.monotonic)
    yield server
    server.close()


def test_blocked_event_loop_is_noticed(server: WebServer) -> None:
    """The loop of the display goes on meanwhile, so only this shows that the web interface hangs."""
    is_over = threading.Event()
    before = server.turned_at
    while server.turned_at == before:
        time.sleep(0.01)
    server._loop.call_soon_threadsafe(is_over.wait)
    began_at = time.monotonic()
    while time.monotonic() - began_at < 3 * TURN_INTERVAL_S:
        time.sleep(0.01)
    assert server.turned_at - began_at < TURN_INTERVAL_S
    is_over.set()
    while server.turned_at < began_at + 2 * TURN_INTERVAL_S:
        assert time.monotonic() - began_at < 20
        time.sleep(0.01)


def shown(camera: str = "demo", seq: int = 1, age_s: float = 0.03) -> DisplayFrame:
    pictures(0)  # drawn once, which takes a second
    return CameraDisplay().make_frame(view_of(camera, seq, time.monotonic() - age_s))


def report(camera: str, state: CameraState, detail: str = "", age_s: float = 0.0) -> CameraReport:
    return CameraReport(camera=camera, state=state, detail=detail, began_at=time.monotonic() - age_s)


TILES = ("demo", "hall", "one", "two")  # in view


@dataclass
class Browser:
    """The browser's end of the WebSocket; messages of other kinds than expected are skipped."""

    socket: aiohttp.ClientWebSocketResponse

    async def picture(self) -> tuple[dict[str, Any], bytes]:
        while (message := await self.socket.receive(5)).type is not WSMsgType.BINARY:
            assert message.type is WSMsgType.TEXT
        length = int.from_bytes(message.data[:4], "big")
        return json.loads(message.data[4 : 4 + length]), message.data[4 + length :]

    async def message(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self.socket.receive(5)
            if message.type is WSMsgType.TEXT and (found := json.loads(message.data))["kind"] == kind:
                return dict(found)
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY)

    async def end(self) -> int | None:
        while (await self.socket.receive(5)).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
        return self.socket.close_code

    async def show_tiles(self, *cameras: str) -> None:
        """Have these cameras in view; returns when the display knows it."""
        await self.send(kind="tiles", cameras=cameras)
        await self.send(kind="clock", sent_at=0)
        await self.message("clock")

    async def send(self, **message: object) -> None:
        await self.socket.send_str(json.dumps(message))


@asynccontextmanager
async def open_live_view(server: WebServer, tiles: Sequence[str] = TILES, **headers: str) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/ws", headers=headers) as opened:
        browser = Browser(opened)
        await browser.message("pipeline")  # the first message: from now on the tab counts as visible
        if tiles:
            await browser.show_tiles(*tiles)
        yield browser


def in_browser(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_picture_arrives_with_its_reading(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            server.update([shown()], UP)
            header, jpeg = await browser.picture()
        assert jpeg == shown().jpeg
        assert (header["camera"], header["seq"], header["width"], header["height"]) == ("demo", 1, 640, 480)
        assert [digit["digit"] for digit in header["digits"]] == [3, 0]
        assert [number["text"] for number in header["numbers"]] == ["30"]
        assert 0.03 <= header["age_s"] < 0.5

    in_browser(scenario)


def test_slow_viewer_gets_the_newest_picture_and_delays_no_other(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as slow, open_live_view(server) as quick:
            for seq in range(1, 31):
                server.update([shown(seq=seq)], UP)
                assert (await quick.picture())[0]["seq"] == seq
                await quick.send(kind="painted", camera="demo")
            assert (await slow.picture())[0]["seq"] == 1
            await slow.send(kind="painted", camera="demo")
            assert (await slow.picture())[0]["seq"] == 30

    in_browser(scenario)


def test_unpainted_picture_does_not_delay_other_cameras(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            server.update([shown("one")], UP)
            assert (await browser.picture())[0]["seq"] == 1
            server.update([shown("one", 2), shown("two")], UP)
            assert (await browser.picture())[0]["camera"] == "two"
            await browser.send(kind="painted", camera="one")
            assert (await browser.picture())[0]["seq"] == 2

    in_browser(scenario)


def test_camera_that_is_scrolled_out_of_view_is_not_sent(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            await browser.show_tiles("two")
            server.update([shown("one"), shown("two")], UP)
            assert (await browser.picture())[0]["camera"] == "two"
            await browser.show_tiles("one", "two")
            server.update([shown("one", 2)], UP)
            assert (await browser.picture())[0]["camera"] == "one"

    in_browser(scenario)


def test_pictures_are_needed_only_while_a_tab_is_visible(server: WebServer) -> None:
    async def becomes(wanted: bool) -> None:
        while bool(server.selection.pictures) != wanted:
            await asyncio.sleep(0.005)

    async def scenario() -> None:
        await becomes(False)
        async with open_live_view(server) as browser:
            await becomes(True)
            await browser.send(kind="tab", visible=False)
            await becomes(False)
            await browser.send(kind="tab", visible=True)
            await becomes(True)
        await becomes(False)

    in_browser(scenario)


def test_camera_state_is_sent_at_once_and_to_later_viewers(server: WebServer) -> None:
    async def scenario() -> None:
        frozen = report("hall", CameraState.FROZEN, detail="the picture stands still", age_s=3)
        async with open_live_view(server) as browser:
            server.update([frozen], UP)
            sent = await browser.message("state")
        async with open_live_view(server, tiles=()) as later:
            assert (await later.message("state"))["state"] == sent["state"] == "frozen"
        assert sent["detail"] == "the picture stands still"
        assert sent["for_s"] == pytest.approx(3, abs=0.5)

    in_browser(scenario)


def test_nothing_is_kept_of_a_camera_that_left(server: WebServer) -> None:
    async def scenario() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{server.url}/api/stream") as stream,
            open_live_view(server, ["guest"]) as browser,
        ):
            server.update([report("guest", CameraState.LIVE)], UP)
            for seq in range(8):  # 30 is held up for long enough to be an event
                server.update([shown("guest", seq, age_s=1 - seq / 10)], UP)
            await browser.picture()
            server.update([report("guest", CameraState.LEFT)], UP)
            while (await browser.message("state"))["state"] != "left":
                pass
            await browser.show_tiles()
            server.update([shown("other")], UP)  # the last that was sent is kept until something else is
            while b'"camera":"other"' not in await stream.content.readline():
                pass
            assert find_kept([server], "guest") == []

    in_browser(scenario)


def test_browser_is_informed_when_the_pipeline_stops(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            server.update([], UP)
            assert (await browser.message("pipeline"))["up"] is True
            server.update([], DOWN)
            assert (await browser.message("pipeline"))["up"] is False

    in_browser(scenario)


def test_browser_can_request_the_queues_clock(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            await browser.send(kind="clock", sent_at=1.5)
            answer = await browser.message("clock")
        assert answer["sent_at"] == 1.5
        assert answer["now"] == pytest.approx(time.monotonic(), abs=1)

    in_browser(scenario)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no json", WSCloseCode.POLICY_VIOLATION),
        ("[]", WSCloseCode.POLICY_VIOLATION),
        ("[" * 500, WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "painted"}', WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "painted", "camera": 7}', WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "clock", "sent_at": NaN}', WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "clock", "sent_at": true}', WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "clock", "sent_at": 1' + "0" * 400 + "}", WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "tab", "visible": true, "more": 1}', WSCloseCode.POLICY_VIOLATION),
        ("x" * 100_000, WSCloseCode.MESSAGE_TOO_BIG),
    ],
)
def test_invalid_message_ends_the_connection(server: WebServer, text: str, code: int) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            await browser.socket.send_str(text)
            assert await browser.end() == code

    in_browser(scenario)


def test_flood_of_messages_ends_the_connection(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            for _ in range(2 * int(MESSAGE_BURST)):
                await browser.send(kind="painted", camera="demo")  # nothing was sent that could be painted
            assert await browser.end() == WSCloseCode.POLICY_VIOLATION

    in_browser(scenario)


def test_number_of_viewers_is_limited(server: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(f"{server.url}/ws") for _ in range(MAX_VIEWERS)]
            late = await session.ws_connect(f"{server.url}/ws")
            refused = await late.receive(5)
            assert (refused.data, refused.extra) == (WSCloseCode.TRY_AGAIN_LATER, "64 browsers are connected already")
            for opened in sockets:
                await Browser(opened).show_tiles("demo")
            server.update([shown()], UP)
            for opened in sockets:
                await Browser(opened).picture()

    in_browser(scenario)


async def fetch(server: WebServer, path: str, **headers: str) -> tuple[int, str, CIMultiDictProxy[str]]:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(server.url + path, headers=headers, allow_redirects=False)
        return answer.status, await answer.text(), answer.headers


@pytest.mark.parametrize("path", ["/", "/live_view.js", "/camera_tile.js", "/style.css", "/api/docs"])
def test_files_are_served_with_a_strict_content_security_policy(server: WebServer, path: str) -> None:
    async def scenario() -> None:
        status, text, headers = await fetch(server, path)
        assert status == 200
        assert text
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    in_browser(scenario)


@pytest.mark.parametrize("path", ["/", "/camera", "/draw"])
def test_page_is_served_with_the_parts_it_includes(server: WebServer, path: str) -> None:
    async def scenario() -> None:
        _, page, _ = await fetch(server, path)
        assert page.count('<dialog id="explanation"') == 1
        assert page.count("</html>") == 1
        assert "<!-- include" not in page

    in_browser(scenario)


@pytest.mark.parametrize("path", ["/server.py", "/../server.py", "/%2e%2e/display.py", "/nothing"])
def test_no_other_file_is_served(server: WebServer, path: str) -> None:
    async def scenario() -> None:
        status, text, _ = await fetch(server, path)
        assert status == 404
        assert json.loads(text)["error"]

    in_browser(scenario)


def test_taken_port_is_a_sentence_about_the_setting(server: WebServer, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    with pytest.raises(ConfigError, match=f"WEB_PORT={port} is taken"):
        WebServer(settings(tmp_path, WEB_PORT=port), time.monotonic)


def test_address_with_colons_is_shown_in_brackets(tmp_path: Path) -> None:
    try:
        server = WebServer(settings(tmp_path, WEB_HOST="::1"), time.monotonic)
    except ConfigError:
        pytest.skip("this machine has no IPv6")
    assert server.url.startswith("http://[::1]:")
    server.close()


def test_address_of_another_machine_is_a_sentence_about_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"WEB_HOST=192\.0\.2\.1 cannot be opened"):
        WebServer(settings(tmp_path, WEB_HOST="192.0.2.1", WEB_TOKEN=TOKEN), time.monotonic)


def test_server_closes_quickly_with_open_connections(tmp_path: Path) -> None:
    server = WebServer(settings(tmp_path), time.monotonic)

    async def scenario() -> None:
        async with open_live_view(server) as browser:
            began_at = time.monotonic()
            closing = asyncio.to_thread(server.close)
            code, _ = await asyncio.gather(browser.end(), closing)
            assert code == WSCloseCode.GOING_AWAY
            assert time.monotonic() - began_at < 1

    in_browser(scenario)


def test_frames_without_pictures_are_not_sent(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            server.update([replace(shown(), jpeg=b""), shown(seq=2)], UP)
            assert (await browser.picture())[0]["seq"] == 2

    in_browser(scenario)
