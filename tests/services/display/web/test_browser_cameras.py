"""Browsers that are cameras: which of their frames reach the queue, what they get back, and what is refused."""

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
from services.display.web.browser_cameras.jpeg import MAX_PX, check_browser_jpeg
from services.display.web.browser_cameras.registry import MAX_BROWSER_CAMERAS
from services.display.web.browser_cameras.session import FRAME_BYTES, MAX_FPS, limit_age
from services.display.web.server import WebServer
from shared.messaging.frame_store import INLINE, FrameStore
from shared.messaging.messages import CameraReport, Credit, Frame, Message
from shared.pipeline import CameraState
from tests.services.display.web.test_server import in_browser, report, settings
from tests.services.feed import UP, view_of
from tests.shared.vision.hostile_jpegs import split_scans


def jpeg(width: int = 64, height: int = 48) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.full((height, width, 3), 200, np.uint8), 85, "BGR", "420"))


@dataclass
class RecordingQueue:
    """A connection to a queue that takes every frame."""

    sent: list[Message] = field(default_factory=list)
    connected = True
    store: FrameStore = INLINE
    closed: threading.Event = field(default_factory=threading.Event)

    def send(self, *messages: Message) -> bool:
        self.sent += messages
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        time.sleep(0.002)
        return [Credit("browser", 1)]

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
    """A web server, and the connections to the queue that its browser cameras got."""

    server: WebServer
    queues: list[RecordingQueue]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    queues: list[RecordingQueue] = []

    def connect() -> RecordingQueue:
        queues.append(RecordingQueue())
        return queues[-1]

    server = WebServer(settings(tmp_path), time.monotonic, connect)
    yield Served(server, queues)
    server.close()


@dataclass
class BrowserEnd:
    """The browser's end."""

    socket: aiohttp.ClientWebSocketResponse
    name: str = ""

    async def message(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self.socket.receive(5)
            assert message.type is WSMsgType.TEXT, message
            if (found := json.loads(message.data))["kind"] == kind:
                return dict(found)

    async def send(self, picture: bytes, captured_at: float = float("nan")) -> None:
        await self.socket.send_bytes(struct.pack(">d", captured_at) + picture)

    async def end(self) -> tuple[int | None, str]:
        while (message := await self.socket.receive(5)).type is WSMsgType.TEXT:
            pass
        return message.data, message.extra or ""


@asynccontextmanager
async def open_camera(server: WebServer, kind: str = "browser") -> AsyncIterator[BrowserEnd]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/{kind}/ws") as opened:
        browser = BrowserEnd(opened)
        browser.name = (await browser.message("welcome"))["camera"]
        yield browser


async def becomes(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def test_picture_becomes_a_frame_of_a_camera(served: Served) -> None:
    async def scenario() -> None:
        async with open_camera(served.server) as browser:
            await browser.message("credit")
            await browser.send(jpeg(), time.monotonic() - 0.05)
            await becomes(served.queues[0].frames)
            frame = served.queues[0].frames()[0]
            assert (frame.camera, frame.every_frame, frame.jpeg) == ("browser", False, jpeg())
            assert 0.05 <= time.monotonic() - frame.captured_at < 1
            await becomes(lambda: "live" in served.queues[0].states())
        await becomes(served.queues[0].closed.is_set)
        assert served.queues[0].states()[-1] == "left"

    in_browser(scenario)


@pytest.mark.parametrize(("kind", "bare_ones"), [("browser", False), ("draw", True)])
def test_bare_stroke_is_a_one_only_on_the_drawing_sheet(served: Served, kind: str, bare_ones: bool) -> None:
    async def scenario() -> None:
        async with open_camera(served.server, kind) as browser:
            await browser.message("credit")
            await browser.send(jpeg())
            await becomes(served.queues[0].frames)
        assert [frame.bare_ones for frame in served.queues[0].frames()] == [bare_ones]

    in_browser(scenario)


def test_reading_returns_to_the_browser_that_sent_the_frame(served: Served) -> None:
    async def scenario() -> None:
        async with open_camera(served.server) as one, open_camera(served.server) as two:
            for name in (one.name, two.name):
                view = replace(view_of(name, 1, time.monotonic()), jpeg=b"")
                served.server.update([CameraDisplay().make_frame(view)], UP)
            assert (await one.message("reading"))["camera"] == "browser"
            reading = await two.message("reading")
            assert reading["camera"] == "browser.2"
            assert [number["text"] for number in reading["numbers"]] == ["30"]

    in_browser(scenario)


def test_every_reading_but_no_picture_is_needed_while_a_browser_is_a_camera(served: Served) -> None:
    async def scenario() -> None:
        await becomes(lambda: served.server.selection.cameras == ())
        async with open_camera(served.server):
            await becomes(lambda: served.server.selection.cameras == ("browser",))
            assert not served.server.selection.pictures
        await becomes(lambda: served.server.selection.cameras == ())

    in_browser(scenario)


def test_credit_follows_each_sent_frame_at_a_limited_rate(served: Served) -> None:
    async def scenario() -> None:
        async with open_camera(served.server, "draw") as browser:
            began_at, pictures = time.monotonic(), 12
            for _ in range(pictures):
                await browser.message("credit")
                await browser.send(jpeg())
            assert time.monotonic() - began_at >= (pictures - 1) / MAX_FPS - 0.01
            await becomes(lambda: len(served.queues[0].frames()) == pictures)

    in_browser(scenario)


def test_name_of_another_camera_is_not_used(served: Served) -> None:
    async def scenario() -> None:
        served.server.update([report("draw", CameraState.LIVE)], UP)
        async with open_camera(served.server, "draw") as browser:
            assert browser.name == "draw.2"

    in_browser(scenario)


def test_name_of_a_browser_that_left_is_used_again(served: Served) -> None:
    async def scenario() -> None:
        async with open_camera(served.server):
            served.server.update([report("browser", CameraState.LIVE)], UP)
        await becomes(lambda: served.server.selection.cameras == ())
        async with open_camera(served.server) as browser:
            assert browser.name == "browser"

    in_browser(scenario)


def test_name_that_another_display_uses_since_is_not_used_again(served: Served) -> None:
    async def scenario() -> None:
        async with open_camera(served.server):
            served.server.update([report("browser", CameraState.LIVE)], UP)
        for state in (CameraState.LEFT, CameraState.LIVE):
            served.server.update([report("browser", state)], UP)
        async with open_camera(served.server) as browser:
            assert browser.name == "browser.2"

    in_browser(scenario)


def test_name_of_a_browser_whose_display_was_killed_is_used_again(served: Served) -> None:
    async def scenario() -> None:
        for state in (CameraState.LIVE, CameraState.DOWN):
            served.server.update([report("browser", state)], UP)
        async with open_camera(served.server) as browser:
            assert browser.name == "browser"

    in_browser(scenario)


def progressive() -> bytes:
    encoded = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1]
    return encoded.tobytes()


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (b"", "not a frame"),
        (b"GIF89a and more", "not a JPEG"),
        (jpeg()[:20], "not a JPEG"),
        (jpeg(8, 8), "a picture of 8 x 8; each side must have 16 to 1920 pixels"),
        (jpeg(MAX_PX + 1, 16), "a picture of 1921 x 16; each side"),
        (progressive(), "only baseline JPEGs are allowed"),
        (split_scans(20, 640, 640), "only baseline JPEGs are allowed"),
    ],
)
def test_invalid_picture_ends_the_connection_with_the_reason(served: Served, picture: bytes, sentence: str) -> None:
    async def scenario() -> None:
        async with open_camera(served.server) as browser:
            await browser.message("credit")
            await browser.send(picture)
            code, reason = await browser.end()
            assert code == WSCloseCode.POLICY_VIOLATION
            assert sentence in reason
            assert served.queues[0].frames() == []

    in_browser(scenario)


def test_frame_without_credit_ends_the_connection(served: Served) -> None:
    async def scenario() -> None:
        async with open_camera(served.server) as browser:
            await browser.message("credit")
            await browser.send(jpeg())
            await browser.send(jpeg())
            assert await browser.end() == (WSCloseCode.POLICY_VIOLATION, "a frame without credit")

    in_browser(scenario)


@pytest.mark.parametrize("text", ['{"kind": "painted", "camera": "demo"}', "no json", "[" * 500])
def test_message_that_cameras_do_not_send_ends_the_connection(served: Served, text: str) -> None:
    async def scenario() -> None:
        async with open_camera(served.server) as browser:
            await browser.socket.send_str(text)
            assert (await browser.end())[0] == WSCloseCode.POLICY_VIOLATION

    in_browser(scenario)


def test_oversized_frame_ends_the_connection(served: Served) -> None:
    async def scenario() -> None:
        async with open_camera(served.server) as browser:
            with suppress(ConnectionError):  # the server may hang up while the picture is still on its way
                await browser.socket.send_bytes(bytes(FRAME_BYTES + 1))
            assert (await browser.end())[0] == WSCloseCode.MESSAGE_TOO_BIG

    in_browser(scenario)


@pytest.mark.parametrize("path", ["/browser/ws", "/ws"])
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ((b"\xff\xfe", WSMsgType.TEXT), WSCloseCode.INVALID_TEXT),
        ((b"[" * (FRAME_BYTES + 1), WSMsgType.TEXT), WSCloseCode.MESSAGE_TOO_BIG),
        ((bytes(FRAME_BYTES + 1), WSMsgType.BINARY), WSCloseCode.MESSAGE_TOO_BIG),
    ],
    ids=["no UTF-8", "large text", "large frame"],
)
def test_broken_websocket_frame_is_no_traceback(
    served: Served, path: str, sent: tuple[bytes, WSMsgType], code: WSCloseCode, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{served.server.url}{path}") as socket:
            browser = BrowserEnd(socket)
            with suppress(ConnectionError):  # the server may hang up while the frame is still on its way
                await socket.send_frame(*sent)
            assert (await browser.end())[0] == code

    in_browser(scenario)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def test_number_of_browser_cameras_is_limited(served: Served) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            opened = [
                BrowserEnd(await session.ws_connect(f"{served.server.url}/browser/ws"))
                for _ in range(MAX_BROWSER_CAMERAS)
            ]
            for browser in opened:
                await browser.message("welcome")
            late = BrowserEnd(await session.ws_connect(f"{served.server.url}/draw/ws"))
            assert await late.end() == (WSCloseCode.TRY_AGAIN_LATER, "8 browsers are cameras already")

    in_browser(scenario)


@pytest.mark.parametrize(
    ("age_s", "limited"), [(0.03, 0.03), (-5.0, 0.0), (9.0, 0.075), (float("nan"), 0.0), (float("-inf"), 0.0)]
)
def test_claimed_age_is_limited(age_s: float, limited: float) -> None:
    assert limit_age(age_s, 0.075) == limited


@given(st.binary(max_size=400))
def test_check_jpeg_never_crashes_on_random_bytes(tail: bytes) -> None:
    for head in (jpeg()[:30], jpeg()[:160], b"\xff\xd8"):
        try:
            check_browser_jpeg(head + tail)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - either is right; only another exception is not
