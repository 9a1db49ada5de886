"""The page's server, spoken to as a browser would: what it sends, to whom, and what it refuses."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDictProxy

from services.display.display_state import CameraDisplay, DisplayFrame
from services.display.web.access import cookie_of
from services.display.web.live.hub import MAX_VIEWERS
from services.display.web.live.viewer import WORDS_AT_ONCE
from services.display.web.server import WebServer
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.settings import ConfigError, Settings, load_settings
from tests.services.feed import pictures, view_of

TOKEN = "a secret of the tests"  # noqa: S105 - of nothing else


def settings(tmp_path: Path, **given: str) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        given = {
            "WEB_PORT": str(free.getsockname()[1]),
            "RUN_DIR": str(tmp_path),
            "LEARNED_DIR": str(tmp_path / "learned"),
        } | given
    return load_settings(given, tmp_path / ".env")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[WebServer]:
    page = WebServer(settings(tmp_path), time.monotonic)
    yield page
    page.close()


@pytest.fixture
def locked_page(tmp_path: Path) -> Iterator[WebServer]:
    page = WebServer(settings(tmp_path, WEB_TOKEN=TOKEN), time.monotonic)
    yield page
    page.close()


def shown(camera: str = "demo", seq: int = 1, age_s: float = 0.03) -> DisplayFrame:
    pictures(0)  # drawn once, which takes a second
    return CameraDisplay().make_frame(view_of(camera, seq, time.monotonic() - age_s))


@dataclass
class Browser:
    """The browser's end of the WebSocket; words of other kinds than asked for are passed over."""

    socket: aiohttp.ClientWebSocketResponse

    async def picture(self) -> tuple[dict[str, Any], bytes]:
        while (message := await self.socket.receive(5)).type is not WSMsgType.BINARY:
            assert message.type is WSMsgType.TEXT
        length = int.from_bytes(message.data[:4], "big")
        return json.loads(message.data[4 : 4 + length]), message.data[4 + length :]

    async def word(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self.socket.receive(5)
            if message.type is WSMsgType.TEXT and (word := json.loads(message.data))["kind"] == kind:
                return dict(word)
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY)

    async def end(self) -> int | None:
        while (await self.socket.receive(5)).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
        return self.socket.close_code

    async def say(self, **word: object) -> None:
        await self.socket.send_str(json.dumps(word))


@asynccontextmanager
async def look(page: WebServer, **headers: str) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{page.url}/ws", headers=headers) as opened:
        browser = Browser(opened)
        await browser.word("pipeline")  # the first word: from now on it is looked at
        yield browser


def in_browser(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_picture_arrives_with_what_was_read_on_it(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            page.update([shown()], True)
            header, jpeg = await browser.picture()
        assert jpeg == shown().jpeg
        assert (header["camera"], header["seq"], header["width"], header["height"]) == ("demo", 1, 640, 480)
        assert [digit["digit"] for digit in header["digits"]] == [3, 0]
        assert [number["text"] for number in header["numbers"]] == ["30"]
        assert 0.03 <= header["age_s"] < 0.5

    in_browser(scenario)


def test_slow_viewer_gets_the_newest_picture_and_holds_up_nobody(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as slow, look(page) as quick:
            for seq in range(1, 31):
                page.update([shown(seq=seq)], True)
                assert (await quick.picture())[0]["seq"] == seq
                await quick.say(kind="painted", camera="demo")
            assert (await slow.picture())[0]["seq"] == 1
            await slow.say(kind="painted", camera="demo")
            assert (await slow.picture())[0]["seq"] == 30

    in_browser(scenario)


def test_picture_not_yet_painted_does_not_hold_up_other_cameras(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            page.update([shown("one")], True)
            assert (await browser.picture())[0]["seq"] == 1
            page.update([shown("one", 2), shown("two")], True)
            assert (await browser.picture())[0]["camera"] == "two"
            await browser.say(kind="painted", camera="one")
            assert (await browser.picture())[0]["seq"] == 2

    in_browser(scenario)


def test_camera_out_of_sight_is_not_sent(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            await browser.say(kind="sight", camera="one", seen=False)
            await browser.say(kind="clock", asked=0)
            await browser.word("clock")
            page.update([shown("one"), shown("two")], True)
            assert (await browser.picture())[0]["camera"] == "two"
            await browser.say(kind="sight", camera="one", seen=True)
            assert (await browser.picture())[0]["camera"] == "one"

    in_browser(scenario)


def test_pictures_are_wanted_only_while_somebody_looks(page: WebServer) -> None:
    async def becomes(wanted: bool) -> None:
        while page.wants_pictures != wanted:
            await asyncio.sleep(0.005)

    async def scenario() -> None:
        await becomes(False)
        async with look(page) as browser:
            await becomes(True)
            await browser.say(kind="looking", looking=False)
            await becomes(False)
            await browser.say(kind="looking", looking=True)
            await becomes(True)
        await becomes(False)

    in_browser(scenario)


def test_camera_state_is_told_at_once_and_to_who_comes_later(page: WebServer) -> None:
    async def scenario() -> None:
        down = CameraReport(
            camera="desk", state=CameraState.FROZEN, detail="the picture stands still", began_at=time.monotonic() - 3
        )
        async with look(page) as browser:
            page.update([down], True)
            told = await browser.word("state")
        async with look(page) as later:
            assert (await later.word("state"))["state"] == told["state"] == "frozen"
        assert told["detail"] == "the picture stands still"
        assert told["for_s"] == pytest.approx(3, abs=0.5)

    in_browser(scenario)


def test_browser_hears_when_the_pipeline_goes(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            page.update([], True)
            assert (await browser.word("pipeline"))["up"] is True
            page.update([], False)
            assert (await browser.word("pipeline"))["up"] is False

    in_browser(scenario)


def test_browser_can_learn_the_queues_clock(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            await browser.say(kind="clock", asked=1.5)
            answer = await browser.word("clock")
        assert answer["asked"] == 1.5
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
        ('{"kind": "clock", "asked": NaN}', WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "clock", "asked": true}', WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "clock", "asked": 1' + "0" * 400 + "}", WSCloseCode.POLICY_VIOLATION),
        ('{"kind": "looking", "looking": true, "more": 1}', WSCloseCode.POLICY_VIOLATION),
        ("x" * 100_000, WSCloseCode.MESSAGE_TOO_BIG),
    ],
)
def test_word_that_is_none_ends_the_connection(page: WebServer, text: str, code: int) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            await browser.socket.send_str(text)
            assert await browser.end() == code

    in_browser(scenario)


def test_flood_of_words_ends_the_connection(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            for _ in range(2 * int(WORDS_AT_ONCE)):
                await browser.say(kind="painted", camera="demo")  # nothing was sent that could be painted
            assert await browser.end() == WSCloseCode.POLICY_VIOLATION

    in_browser(scenario)


def test_viewer_too_many_is_told_so(page: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(f"{page.url}/ws") for _ in range(MAX_VIEWERS)]
            late = await session.ws_connect(f"{page.url}/ws")
            refused = await late.receive(5)
            assert (refused.data, refused.extra) == (WSCloseCode.TRY_AGAIN_LATER, "64 browsers look already")
            page.update([shown()], True)
            for opened in sockets:
                await Browser(opened).picture()

    in_browser(scenario)


async def fetch(page: WebServer, path: str, **headers: str) -> tuple[int, str, CIMultiDictProxy[str]]:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(page.url + path, headers=headers, allow_redirects=False)
        return answer.status, await answer.text(), answer.headers


@pytest.mark.parametrize("path", ["/", "/page.js", "/link.js", "/tile.js", "/paint.js", "/curve.js", "/style.css"])
def test_page_and_its_files_are_served_with_a_strict_policy(page: WebServer, path: str) -> None:
    async def scenario() -> None:
        status, text, headers = await fetch(page, path)
        assert status == 200
        assert text
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    in_browser(scenario)


@pytest.mark.parametrize("path", ["/server.py", "/../server.py", "/%2e%2e/display.py", "/nothing"])
def test_no_other_file_is_served(page: WebServer, path: str) -> None:
    async def scenario() -> None:
        status, text, _ = await fetch(page, path)
        assert status == 404
        assert json.loads(text)["error"]

    in_browser(scenario)


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "[::1"}]
)
def test_strange_host_or_origin_is_refused(page: WebServer, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        for path in ("/", "/ws"):
            status, text, _ = await fetch(page, path, **headers)
            assert status == 403
            assert "answers to" in json.loads(text)["error"]

    in_browser(scenario)


IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/cameras", IMAGE, 403),
        ("/", IMAGE, 403),
        ("/", LINK | {"Sec-Fetch-Dest": "iframe"}, 403),
        ("/", LINK, 200),
        ("/camera", LINK, 200),
        ("/api/cameras", LINK, 403),
        ("/api/cameras", LINK | {"Sec-Fetch-User": "?1"}, 200),
        ("/api/cameras", IMAGE | {"Sec-Fetch-Site": "same-origin"}, 200),
        ("/api/cameras", IMAGE | {"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_other_sites_may_link_here_only(page: WebServer, path: str, headers: dict[str, str], status: int) -> None:
    async def scenario() -> None:
        assert (await fetch(page, path, **headers))[0] == status

    in_browser(scenario)


def test_own_origin_is_let_in(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page, Origin=page.url):
            pass

    in_browser(scenario)


def test_token_does_not_stay_in_the_address_of_who_comes_again(locked_page: WebServer) -> None:
    async def scenario() -> None:
        cookie = f"digitcam_token_{locked_page.url.rpartition(':')[2]}"
        for path in ("/", "/camera", "/draw"):
            for headers in ({}, {"Cookie": f'{cookie}="{TOKEN}"'}):
                status, _, answer = await fetch(locked_page, f"{path}?token={TOKEN}", **headers)
                assert (status, answer["Location"]) == (303, path)

    in_browser(scenario)


def test_without_the_token_nothing_is_shown(locked_page: WebServer) -> None:
    async def scenario() -> None:
        for path in ("/", "/page.js", "/ws", "/?token=", "/?token=guess", "/?token=%ff"):
            status, text, _ = await fetch(locked_page, path)
            assert status == 401
            assert "needs the token" in json.loads(text)["error"]
            assert TOKEN not in text

    in_browser(scenario)


def test_pages_of_one_host_have_cookies_of_their_own() -> None:
    hosts = ("me.example", "me.example:8000", "me.example:8443", "[::1]:8000", "[::1]")
    names = [cookie_of(make_mocked_request("GET", "/", {"Host": host})) for host in hosts]
    assert [name.removeprefix("digitcam_token_") for name in names] == ["http", "8000", "8443", "8000", "http"]


def test_token_in_the_address_becomes_a_cookie(locked_page: WebServer) -> None:
    async def scenario() -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name too
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            entered = await session.get(locked_page.url, params={"token": TOKEN})
            assert (entered.status, str(entered.url)) == (200, locked_page.url + "/")
            assert (await session.get(locked_page.url + "/page.js")).status == 200
            async with session.ws_connect(locked_page.url + "/ws") as opened:
                await Browser(opened).word("pipeline")

    in_browser(scenario)


def test_program_may_bring_the_token_to_the_socket(locked_page: WebServer) -> None:
    async def scenario() -> None:
        address = f"{locked_page.url}/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(address, params={"token": TOKEN}) as opened:
            await Browser(opened).word("pipeline")

    in_browser(scenario)


def test_port_taken_is_a_sentence_about_the_setting(page: WebServer, tmp_path: Path) -> None:
    port = page.url.rpartition(":")[2]
    with pytest.raises(ConfigError, match=f"WEB_PORT={port} is taken"):
        WebServer(settings(tmp_path, WEB_PORT=port), time.monotonic)


def test_address_of_another_machine_is_a_sentence_about_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"WEB_HOST=192\.0\.2\.1 cannot be opened"):
        WebServer(settings(tmp_path, WEB_HOST="192.0.2.1", WEB_TOKEN=TOKEN), time.monotonic)


def test_page_closes_at_once_while_browsers_look(tmp_path: Path) -> None:
    page = WebServer(settings(tmp_path), time.monotonic)

    async def scenario() -> None:
        async with look(page) as browser:
            began_at = time.monotonic()
            closing = asyncio.to_thread(page.close)
            code, _ = await asyncio.gather(browser.end(), closing)
            assert code == WSCloseCode.GOING_AWAY
            assert time.monotonic() - began_at < 1

    in_browser(scenario)


def test_frames_without_pictures_are_not_sent(page: WebServer) -> None:
    async def scenario() -> None:
        async with look(page) as browser:
            page.update([replace(shown(), jpeg=b""), shown(seq=2)], True)
            assert (await browser.picture())[0]["seq"] == 2

    in_browser(scenario)
