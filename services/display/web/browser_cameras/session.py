"""One browser that is a camera: it sends a picture when it is asked for one, and gets what was read.

Whatever it says is hostile until it was looked at: one picture for each credit, at most RATE_HZ of them, each checked.
"""

import asyncio
import math
import struct
import time
from collections.abc import Callable

from aiohttp import WSMessage, WSMsgType, web

from services.display.display_state import DisplayFrame
from services.display.web.browser_cameras.jpeg import check_jpeg
from services.display.web.browser_cameras.uplink import Uplink
from services.display.web.flow_control import TokenBucket
from services.display.web.live.viewer import ProtocolError
from services.display.web.wire import decode_word, encode, encode_clock, encode_pipeline, encode_reading
from shared.cameras.publisher import CapturedFrame

FRAME_BYTES = 2 * 1024 * 1024  # 640 x 480 from a browser's canvas is 50 to 100 kB
RATE_HZ = 30.0
CLOCKS_PER_S, CLOCKS_AT_ONCE = 1.0, 10.0
TAKEN_AT = struct.Struct(">d")  # before the JPEG: when the picture was taken, in seconds of the queue's clock


class BrowserCamera:
    """What one browser may send, and what it has still to get. Lives in the page's event loop."""

    def __init__(self, name: str, socket: web.WebSocketResponse, clock: Callable[[], float], oldest_s: float) -> None:
        self.name, self.socket = name, socket
        self._clock, self._oldest_s = clock, oldest_s
        self._loop = asyncio.get_running_loop()
        self._granted_at = -math.inf
        self._credit = 0
        self._texts = [encode({"kind": "welcome", "camera": name})]
        self._reading: DisplayFrame | None = None
        self._news = asyncio.Event()
        self._allowance = TokenBucket(CLOCKS_PER_S, CLOCKS_AT_ONCE, CLOCKS_AT_ONCE, time.monotonic())

    def taken(self) -> None:
        """Its picture is on its way: it may send the next, when that is due. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.grant)

    def grant(self) -> None:
        """Ask for a picture, at most RATE_HZ times a second."""
        now = self._loop.time()
        self._granted_at = max(now, self._granted_at + 1 / RATE_HZ)
        self._loop.call_at(self._granted_at, self._ask)

    def _ask(self) -> None:
        self._credit = 1
        self.tell(encode({"kind": "credit"}))

    def tell(self, text: str) -> None:
        """Let a word wait for the browser."""
        self._texts.append(text)
        self._news.set()

    def tell_pipeline(self, is_up: bool) -> None:
        """Let the browser know whether the pipeline answers."""
        self.tell(encode_pipeline(is_up))

    def put(self, shown: DisplayFrame) -> None:
        """Let a reading wait for the browser; it replaces the one that waited."""
        self._reading = shown
        self._news.set()

    async def send_all(self) -> None:
        """Send what waits until the connection ends."""
        while not self.socket.closed:
            await self._news.wait()
            self._news.clear()
            try:
                while self._texts or self._reading:
                    await self.socket.send_str(self._next())
            except ConnectionError:
                return

    def _next(self) -> str:
        if self._texts or not self._reading:
            return self._texts.pop(0)
        shown, self._reading = self._reading, None
        return encode({"kind": "reading", **encode_reading(shown, self._clock())})

    async def hear_all(self, uplink: Uplink) -> None:
        """Pass pictures on until the browser leaves. Raises ProtocolError."""
        async for message in self.socket:
            try:
                self._hear(message, uplink)
            except (ValueError, RecursionError) as error:
                raise ProtocolError(str(error)) from error

    def _hear(self, message: WSMessage, uplink: Uplink) -> None:
        if message.type is WSMsgType.BINARY:
            uplink.send(self._take(message.data))
        elif not self._allowance.take(time.monotonic()):
            raise ValueError("too many words")
        else:
            word = decode_word(message.data)
            if word["kind"] != "clock":
                raise ValueError("a camera asks for the clock and for nothing else")
            self.tell(encode_clock(word["asked"], self._clock()))

    def _take(self, message: bytes) -> CapturedFrame:
        if not self._credit:
            raise ValueError("a picture that was not asked for")
        self._credit = 0
        if len(message) <= TAKEN_AT.size:
            raise ValueError("that is no picture")
        jpeg = message[TAKEN_AT.size :]
        check_jpeg(jpeg)
        age_s = self._clock() - TAKEN_AT.unpack_from(message)[0]
        return CapturedFrame(jpeg, time.monotonic() - credible(age_s, self._oldest_s))


def credible(age_s: float, oldest_s: float) -> float:
    """Return a picture's age on arrival as far as its browser is believed, in seconds.

    A browser that does not know the queue's clock yet says NaN, one that lies anything. On a line slower than oldest_s
    ages are understated: dropped as too old, such a camera would never be read.
    """
    return min(max(age_s, 0.0), oldest_s) if math.isfinite(age_s) else 0.0
