"""One browser that is a camera: it sends a frame for each credit it gets, and receives the readings.

Nothing it sends is trusted: one frame for each credit, at most MAX_FPS a second, and each is checked.
"""

import asyncio
import math
import struct
import time
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from msgspec import Struct

from services.display.display_state import DisplayFrame
from services.display.web.browser_cameras.jpeg import check_browser_jpeg
from services.display.web.browser_cameras.recent_pictures import RecentPictures
from services.display.web.browser_cameras.uplink import Uplink
from services.display.web.browser_protocol import (
    BrowserMessage,
    ClockAnswer,
    ClockRequest,
    Freeze,
    Frozen,
    SendFrame,
    Welcome,
    decode,
    encode,
    live_reading,
)
from services.display.web.explain.frozen_frames import FrozenFrames
from services.display.web.websockets import ProtocolError, receive_messages
from shared.cameras.publisher import CapturedFrame
from shared.service.token_bucket import TokenBucket

FRAME_BYTES = 2 * 1024 * 1024  # 640 x 480 from a browser's canvas takes 50 to 100 kB
MAX_FPS = 30.0
CLOCKS_PER_S, CLOCK_BURST = 1.0, 10.0
CAPTURED_AT = struct.Struct(">d")  # before the JPEG: the time of capture, in seconds of the queue's clock


class BrowserCamera:
    """The connection to one browser. Lives in the web server's event loop."""

    def __init__(
        self,
        name: str,
        socket: web.WebSocketResponse,
        clock: Callable[[], float],
        max_age_s: float,
        frozen_frames: FrozenFrames,
    ) -> None:
        self.name, self.socket = name, socket
        self._clock, self._max_age_s, self._frozen_frames = clock, max_age_s, frozen_frames
        self._frozen_id: int | None = None
        self._pictures = RecentPictures()
        self._loop = asyncio.get_running_loop()
        self._credit_at = -math.inf
        self._has_credit = False
        self._messages: list[Struct] = [Welcome(camera=name)]
        self._frame: DisplayFrame | None = None  # whose reading waits to be sent
        self._has_news = asyncio.Event()
        self._limiter = TokenBucket(rate_per_s=CLOCKS_PER_S, capacity=CLOCK_BURST, updated_at=time.monotonic())

    def on_frame_sent(self) -> None:
        """Schedule the next credit, because the last frame is on its way to the queue. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.schedule_credit)

    def on_uplink_failed(self) -> None:
        """Close the connection, since nothing sends its frames any more. From any thread."""
        if not self._loop.is_closed():
            closing = self.socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"the display made an error")
            asyncio.run_coroutine_threadsafe(closing, self._loop)

    def schedule_credit(self) -> None:
        """Give a credit as soon as MAX_FPS allows."""
        now = self._loop.time()
        self._credit_at = max(now, self._credit_at + 1 / MAX_FPS)
        self._loop.call_at(self._credit_at, self._give_credit)

    def _give_credit(self) -> None:
        self._has_credit = True
        self.enqueue_message(SendFrame())

    def enqueue_message(self, message: Struct) -> None:
        """Queue a message for the browser."""
        self._messages.append(message)
        self._has_news.set()

    def enqueue_reading(self, frame: DisplayFrame) -> None:
        """Queue a reading for the browser; it replaces the one that waits."""
        self._frame = frame
        self._has_news.set()

    async def send_all(self) -> None:
        """Send what waits until the connection ends."""
        while not self.socket.closed:
            await self._has_news.wait()
            self._has_news.clear()
            try:
                while self._messages or self._frame:
                    await self.socket.send_str(encode(self._next()))
            except ConnectionError:
                return

    def _next(self) -> Struct:
        if self._messages or not self._frame:
            return self._messages.pop(0)
        frame, self._frame = self._frame, None
        self._pictures.match(frame)
        return live_reading(frame, self._clock())

    async def receive_all(self, uplink: Uplink) -> None:
        """Pass frames on until the browser leaves. Raises ProtocolError."""
        async for message in receive_messages(self.socket):
            try:
                self._receive(message, uplink)
            except ValueError as error:
                raise ProtocolError(str(error)) from error

    def _receive(self, message: WSMessage, uplink: Uplink) -> None:
        if message.type is WSMsgType.BINARY:
            uplink.send(self._parse_frame(message.data))
        elif message.type is not WSMsgType.TEXT:  # an ERROR, which has closed the connection already
            raise ValueError("not a message of this protocol")
        elif not self._limiter.take_token(time.monotonic()):
            raise ValueError("too many messages")
        else:
            self.enqueue_message(self._answer(decode(message.data)))

    def _answer(self, request: BrowserMessage) -> Struct:
        match request:
            case ClockRequest(sent_at):
                return ClockAnswer(sent_at=sent_at, now=self._clock())
            case Freeze(camera, seq) if camera == self.name:
                return self._freeze(seq)
        raise ValueError("a camera may send frames, clock requests and freeze requests only")

    def _freeze(self, seq: int) -> Frozen:
        """Keep the picture whose reading is on the screen, instead of the one that this browser froze before."""
        frame = self._pictures.find(seq)
        if frame:
            self._frozen_id = self._frozen_frames.add(frame, instead_of=self._frozen_id)
        return Frozen(camera=self.name, seq=seq, frame_id=self._frozen_id if frame else None)

    def _parse_frame(self, message: bytes) -> CapturedFrame:
        if not self._has_credit:
            raise ValueError("a frame without credit")
        self._has_credit = False
        if len(message) <= CAPTURED_AT.size:
            raise ValueError("not a frame")
        jpeg = message[CAPTURED_AT.size :]
        check_browser_jpeg(jpeg)
        age_s = limit_age(self._clock() - CAPTURED_AT.unpack_from(message)[0], self._max_age_s)
        self._pictures.add(jpeg, self._clock() - age_s)
        return CapturedFrame(jpeg, time.monotonic() - age_s)


def limit_age(age_s: float, max_age_s: float) -> float:
    """Return a frame's age on arrival: the browser's claim, limited to what is plausible.

    A browser without the queue's clock sends NaN, and a hostile one sends anything. On a line slower than
    max_age_s ages are understated: otherwise every frame of such a camera would be dropped as stale.
    """
    return min(max(age_s, 0.0), max_age_s) if math.isfinite(age_s) else 0.0
