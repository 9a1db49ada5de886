"""One browser that looks: the newest picture of each camera waits for it, and goes when those before are painted.

So a slow browser sees fewer pictures, never old ones, and takes nothing from the others. Runs in the page's event loop.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from services.display.display_state import DisplayFrame
from services.display.web.flow_control import FrameWindow, TokenBucket
from services.display.web.wire import decode_word, encode_clock, encode_picture, encode_pipeline, encode_state
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState

MAX_UNSEEN = 256  # as many cameras as there can be
WORD_BYTES = 512  # the longest honest word names a camera
WORDS_PER_S, WORDS_AT_ONCE = 20.0, 200.0  # beyond the one for each picture: clocks, looking away, and scrolling
HEARTBEAT_S = 20.0  # a browser that does not answer pings for so long is gone


class ProtocolError(Exception):
    """A browser that breaks the protocol; the text says how."""


class LiveViewer:
    """What one browser has still to get."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.socket = web.WebSocketResponse(max_msg_size=WORD_BYTES, compress=False, heartbeat=HEARTBEAT_S)
        self.is_looking = True
        self._clock = clock
        self._pictures: dict[str, DisplayFrame] = {}  # in turn: the camera served last is the last
        self._sent_at: dict[str, float] = {}  # of the pictures not yet painted
        self._unseen: set[str] = set()  # cameras whose tiles are out of sight
        self._room = FrameWindow()
        self._states: dict[str, CameraReport] = {}
        self._texts: list[str] = []
        self._allowance = TokenBucket(WORDS_PER_S, WORDS_AT_ONCE, WORDS_AT_ONCE, time.monotonic())
        self._news = asyncio.Event()

    def put(self, item: DisplayFrame | CameraReport) -> None:
        """Let something wait for this browser; it replaces what waited from the same camera."""
        if isinstance(item, CameraReport):
            self._states[item.camera] = item
            if item.state == CameraState.LEFT:
                self._pictures.pop(item.camera, None)
                self._unseen.discard(item.camera)
        elif item.jpeg and self.is_looking:
            self._pictures[item.camera] = item
        self._news.set()

    def tell_pipeline(self, is_up: bool) -> None:
        """Let the browser know whether the pipeline answers."""
        self._texts.append(encode_pipeline(is_up))
        self._news.set()

    async def send_all(self) -> None:
        """Send what waits, as fast as the browser takes it, until the connection ends."""
        while not self.socket.closed:
            await self._news.wait()
            self._news.clear()
            try:
                await self._send_waiting()
            except ConnectionError:
                return

    async def _send_waiting(self) -> None:
        while self._texts or self._states:
            text = self._texts.pop(0) if self._texts else self._next_state()
            await self.socket.send_str(text)
        while self._room.holds(len(self._sent_at)) and (camera := self._next_camera()):
            self._sent_at[camera] = time.monotonic()
            await self.socket.send_bytes(encode_picture(self._pictures.pop(camera), self._clock()))

    def _next_camera(self) -> str | None:
        return next((c for c in self._pictures if c not in self._sent_at and c not in self._unseen), None)

    def _next_state(self) -> str:
        return encode_state(self._states.pop(next(iter(self._states))), self._clock())

    async def hear_all(self) -> None:
        """Act on what the browser says until it leaves. Raises ProtocolError."""
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                raise ProtocolError("only text is understood here")
            self._hear(message.data)

    def _hear(self, text: str) -> None:
        try:
            word = decode_word(text)
        except (ValueError, RecursionError) as error:
            raise ProtocolError("that is no word of this protocol") from error
        now = time.monotonic()
        if word["kind"] == "painted" and word["camera"] in self._sent_at:
            on_their_way = len(self._sent_at)
            self._room.learn(now - self._sent_at.pop(word["camera"]), on_their_way)
        elif self._allowance.take(now):
            self._act(word)
        else:
            raise ProtocolError("too many words")
        self._news.set()

    def _act(self, word: Mapping[str, Any]) -> None:
        match word:
            case {"kind": "clock", "asked": asked}:
                self._texts.append(encode_clock(asked, self._clock()))
            case {"kind": "looking", "looking": looking}:
                self.is_looking = looking
                self._pictures.clear()
                self._sent_at.clear()
            case {"kind": "sight", "camera": camera, "seen": True}:
                self._unseen.discard(camera)
            case {"kind": "sight", "camera": camera} if len(self._unseen) < MAX_UNSEEN:
                self._unseen.add(camera)
                self._sent_at.pop(camera, None)
