"""One browser that looks: the newest picture of each camera waits for it, and the next goes when the last is painted.

So a slow browser sees fewer pictures, never old ones, and takes nothing from the others. Runs in the page's event loop.
"""

import asyncio
import time
from collections.abc import Callable

from aiohttp import WSMsgType, web

from services.page.wire import decode_word, encode_clock, encode_picture, encode_pipeline, encode_state
from shared.messages import CameraState
from shared.shown import Shown

WORD_BYTES = 512  # the longest honest word names a camera
WORDS_PER_S, WORDS_AT_ONCE = 5.0, 50.0  # beyond the one for each picture: clocks, and looking up or away
HEARTBEAT_S = 20.0  # a browser that does not answer pings for so long is gone


class UnwelcomeError(Exception):
    """A browser that breaks the protocol; the text says how."""


class Viewer:
    """What one browser has still to get."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.socket = web.WebSocketResponse(max_msg_size=WORD_BYTES, compress=False, heartbeat=HEARTBEAT_S)
        self.is_looking = True
        self._clock = clock
        self._pictures: dict[str, Shown] = {}  # in turn: the camera served last is the last
        self._unpainted: set[str] = set()
        self._states: dict[str, CameraState] = {}
        self._texts: list[str] = []
        self._allowance = Allowance(WORDS_PER_S, WORDS_AT_ONCE)
        self._news = asyncio.Event()

    def put(self, item: Shown | CameraState) -> None:
        """Let something wait for this browser; it replaces what waited from the same camera."""
        if isinstance(item, CameraState):
            self._states[item.camera] = item
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
        while camera := next((camera for camera in self._pictures if camera not in self._unpainted), None):
            self._unpainted.add(camera)
            await self.socket.send_bytes(encode_picture(self._pictures.pop(camera), self._clock()))

    def _next_state(self) -> str:
        return encode_state(self._states.pop(next(iter(self._states))), self._clock())

    async def hear_all(self) -> None:
        """Act on what the browser says until it leaves. Raises UnwelcomeError."""
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                raise UnwelcomeError("only text is understood here")
            self._hear(message.data)

    def _hear(self, text: str) -> None:
        try:
            word = decode_word(text)
        except (ValueError, RecursionError) as error:
            raise UnwelcomeError("that is no word of this protocol") from error
        if word["kind"] == "painted" and word["camera"] in self._unpainted:
            self._unpainted.remove(word["camera"])
        elif not self._allowance.take():
            raise UnwelcomeError("too many words")
        elif word["kind"] == "clock":
            self._texts.append(encode_clock(word["asked"], self._clock()))
        elif word["kind"] == "looking":
            self.is_looking = word["looking"]
            self._pictures.clear()
        self._news.set()


class Allowance:
    """So much a second, and so much at once."""

    def __init__(self, per_s: float, at_once: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._at_once, self._clock = per_s, at_once, clock
        self._left, self._at = at_once, clock()

    def take(self) -> bool:
        """Take one; False where none is left."""
        now = self._clock()
        self._left = min(self._at_once, self._left + self._per_s * (now - self._at))
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
