"""Browsers that are cameras: what of theirs goes to the queue, what comes back to them, and what is refused."""

import asyncio
import json
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest
import simplejpeg
from aiohttp import WSCloseCode, WSMsgType
from hypothesis import given
from hypothesis import strategies as st

from services.display.display_state import CameraDisplay
from services.display.web.browser_cameras.jpeg import MOST_PX, check_jpeg
from services.display.web.browser_cameras.registry import MAX_GUESTS
from services.display.web.browser_cameras.session import FRAME_BYTES, RATE_HZ, credible
from services.display.web.server import WebServer
from shared.messaging.messages import CameraReport, Credit, Frame, Message
from shared.pipeline import CameraState
from tests.services.display.web.test_server import in_browser, settings
from tests.services.feed import view_of


def jpeg(width: int = 64, height: int = 48) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.full((height, width, 3), 200, np.uint8), 85, "BGR", "420"))


@dataclass
class Line:
    """A connection to a queue that takes every frame."""

    sent: list[Message] = field(default_factory=list)
    connected = True
    closed: threading.Event = field(default_factory=threading.Event)

    def send(self, *messages: Message) -> bool:
        self.sent += messages
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        time.sleep(0.002)
        return [Credit("whoever", 1)]

    def now(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        self.closed.set()

    def frames(self) -> list[Frame]:
        return [message for message in self.sent if isinstance(message, Frame)]

    def states(self) -> list[str]:
        return [message.state for message in self.sent if isinstance(message, CameraReport)]


@dataclass
class Served:
    """A page, and the lines to the queue that its guests were given."""

    page: WebServer
    lines: list[Line]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    lines: list[Line] = []

    def connect() -> Line:
        lines.append(Line())
        return lines[-1]

    page = WebServer(settings(tmp_path), time.monotonic, connect)
    yield Served(page, lines)
    page.close()


@dataclass
class Guest:
    """The browser's end."""

    socket: aiohttp.ClientWebSocketResponse
    name: str = ""

    async def word(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self.socket.receive(5)
            assert message.type is WSMsgType.TEXT, message
            if (word := json.loads(message.data))["kind"] == kind:
                return dict(word)

    async def send(self, picture: bytes, taken_at: float = float("nan")) -> None:
        await self.socket.send_bytes(struct.pack(">d", taken_at) + picture)

    async def end(self) -> tuple[int | None, str]:
        while (message := await self.socket.receive(5)).type is WSMsgType.TEXT:
            pass
        return message.data, message.extra or ""


@asynccontextmanager
async def guest(page: WebServer, kind: str = "browser") -> AsyncIterator[Guest]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{page.url}/{kind}/ws") as opened:
        browser = Guest(opened)
        browser.name = (await browser.word("welcome"))["camera"]
        yield browser


async def becomes(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def test_picture_becomes_a_frame_of_a_camera(served: Served) -> None:
    async def scenario() -> None:
        async with guest(served.page) as browser:
            await browser.word("credit")
            await browser.send(jpeg(), time.monotonic() - 0.05)
            await becomes(served.lines[0].frames)
            frame = served.lines[0].frames()[0]
            assert (frame.camera, frame.every_frame, frame.jpeg) == ("browser", False, jpeg())
            assert 0.05 <= time.monotonic() - frame.captured_at < 1
            await becomes(lambda: "live" in served.lines[0].states())
        await becomes(served.lines[0].closed.is_set)
        assert served.lines[0].states()[-1] == "left"

    in_browser(scenario)


def test_what_was_read_comes_back_to_whose_picture_it_was(served: Served) -> None:
    async def scenario() -> None:
        async with guest(served.page) as one, guest(served.page) as two:
            for name in (one.name, two.name):
                view = replace(view_of(name, 1, time.monotonic()), jpeg=b"")
                served.page.update([CameraDisplay().make_frame(view)], True)
            assert (await one.word("reading"))["camera"] == "browser"
            reading = await two.word("reading")
            assert reading["camera"] == "browser.2"
            assert [number["text"] for number in reading["numbers"]] == ["30"]

    in_browser(scenario)


def test_all_readings_without_pictures_are_wanted_while_a_browser_is_a_camera(served: Served) -> None:
    async def scenario() -> None:
        assert served.page.min_interval_s > 0
        async with guest(served.page):
            await becomes(lambda: served.page.min_interval_s == 0)
            assert not served.page.wants_pictures
        await becomes(lambda: served.page.min_interval_s > 0)

    in_browser(scenario)


def test_next_picture_is_asked_for_when_the_last_is_on_its_way_and_not_too_often(served: Served) -> None:
    async def scenario() -> None:
        async with guest(served.page, "draw") as browser:
            began_at, pictures = time.monotonic(), 12
            for _ in range(pictures):
                await browser.word("credit")
                await browser.send(jpeg())
            assert time.monotonic() - began_at >= (pictures - 1) / RATE_HZ - 0.01
            await becomes(lambda: len(served.lines[0].frames()) == pictures)

    in_browser(scenario)


def test_name_of_another_camera_is_not_given(served: Served) -> None:
    async def scenario() -> None:
        served.page.update(
            [CameraReport(camera="draw", state=CameraState.LIVE, detail="", began_at=time.monotonic())], True
        )
        async with guest(served.page, "draw") as browser:
            assert browser.name == "draw.2"

    in_browser(scenario)


def test_name_of_a_browser_that_left_is_given_again(served: Served) -> None:
    async def scenario() -> None:
        async with guest(served.page):
            served.page.update(
                [CameraReport(camera="browser", state=CameraState.LIVE, detail="", began_at=time.monotonic())], True
            )
        await becomes(lambda: served.page.min_interval_s > 0)
        async with guest(served.page) as browser:
            assert browser.name == "browser"

    in_browser(scenario)


def test_name_that_another_display_has_given_since_is_not_given_again(served: Served) -> None:
    async def scenario() -> None:
        async with guest(served.page):
            served.page.update(
                [CameraReport(camera="browser", state=CameraState.LIVE, detail="", began_at=time.monotonic())], True
            )
        for state in (CameraState.LEFT, CameraState.LIVE):
            served.page.update(
                [CameraReport(camera="browser", state=state, detail="", began_at=time.monotonic())], True
            )
        async with guest(served.page) as browser:
            assert browser.name == "browser.2"

    in_browser(scenario)


def test_name_of_a_browser_whose_display_was_killed_is_given_again(served: Served) -> None:
    async def scenario() -> None:
        for state in (CameraState.LIVE, CameraState.DOWN):
            served.page.update(
                [CameraReport(camera="browser", state=state, detail="", began_at=time.monotonic())], True
            )
        async with guest(served.page) as browser:
            assert browser.name == "browser"

    in_browser(scenario)


def progressive() -> bytes:
    encoded = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1]
    return encoded.tobytes()


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (b"", "that is no picture"),
        (b"GIF89a and more", "that is no JPEG"),
        (jpeg()[:20], "that is no JPEG"),
        (jpeg(8, 8), "a picture of 8 x 8 is not one of 16 to 1920 pixels a side"),
        (jpeg(MOST_PX + 1, 16), "a picture of 1921 x 16 is not one of"),
        (progressive(), "only baseline JPEGs are taken here"),
    ],
)
def test_what_is_no_picture_ends_the_connection_with_the_reason(served: Served, picture: bytes, sentence: str) -> None:
    async def scenario() -> None:
        async with guest(served.page) as browser:
            await browser.word("credit")
            await browser.send(picture)
            code, reason = await browser.end()
            assert code == WSCloseCode.POLICY_VIOLATION
            assert sentence in reason
            assert served.lines[0].frames() == []

    in_browser(scenario)


def test_picture_that_was_not_asked_for_ends_the_connection(served: Served) -> None:
    async def scenario() -> None:
        async with guest(served.page) as browser:
            await browser.word("credit")
            await browser.send(jpeg())
            await browser.send(jpeg())
            assert await browser.end() == (WSCloseCode.POLICY_VIOLATION, "a picture that was not asked for")

    in_browser(scenario)


@pytest.mark.parametrize("word", ['{"kind": "painted", "camera": "demo"}', "no json", "[" * 500])
def test_word_that_a_camera_does_not_say_ends_the_connection(served: Served, word: str) -> None:
    async def scenario() -> None:
        async with guest(served.page) as browser:
            await browser.socket.send_str(word)
            assert (await browser.end())[0] == WSCloseCode.POLICY_VIOLATION

    in_browser(scenario)


def test_picture_too_large_to_be_one_is_not_even_read(served: Served) -> None:
    async def scenario() -> None:
        async with guest(served.page) as browser:
            with suppress(ConnectionError):  # the server may hang up while the picture is still on its way
                await browser.socket.send_bytes(bytes(FRAME_BYTES + 1))
            assert (await browser.end())[0] == WSCloseCode.MESSAGE_TOO_BIG

    in_browser(scenario)


def test_browser_too_many_is_told_so(served: Served) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            opened = [Guest(await session.ws_connect(f"{served.page.url}/browser/ws")) for _ in range(MAX_GUESTS)]
            for browser in opened:
                await browser.word("welcome")
            late = Guest(await session.ws_connect(f"{served.page.url}/draw/ws"))
            assert await late.end() == (WSCloseCode.TRY_AGAIN_LATER, "8 browsers are cameras already")

    in_browser(scenario)


@pytest.mark.parametrize(
    ("age_s", "believed"), [(0.03, 0.03), (-5.0, 0.0), (9.0, 0.075), (float("nan"), 0.0), (float("-inf"), 0.0)]
)
def test_age_that_a_browser_claims_is_believed_within_bounds(age_s: float, believed: float) -> None:
    assert credible(age_s, 0.075) == believed


@given(st.binary(max_size=400))
def test_bytes_after_a_jpegs_beginning_are_refused_or_taken_and_never_crash(tail: bytes) -> None:
    for head in (jpeg()[:30], jpeg()[:160], b"\xff\xd8"):
        try:
            check_jpeg(head + tail)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - either is right; only another exception is not
