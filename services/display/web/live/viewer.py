"""One browser with the live view: the newest picture of each camera waits until earlier ones are painted.

A slow browser therefore gets fewer pictures, never old ones, and slows down no other browser. Runs in the web server's
event loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from aiohttp import WSMsgType
from msgspec import Struct

from services.display.display_state import DisplayFrame
from services.display.web.browser_protocol import (
    BrowserMessage,
    ClockAnswer,
    ClockRequest,
    Freeze,
    Frozen,
    Painted,
    TabVisibility,
    VisibleTiles,
    camera_state_update,
    decode,
    encode,
    encode_picture,
)
from services.display.web.explain.frozen_frames import FrozenFrames
from services.display.web.flow_control import FrameWindow
from services.display.web.websockets import ProtocolError, make_socket, receive_messages
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.service.token_bucket import TokenBucket

MAX_ON_SCREEN = 2  # of one camera: the picture that was painted last, and the one on its way
MAX_KEPT = 32  # cameras whose pictures are kept: a tile that is scrolled back shows its last one
MAX_MESSAGE_BYTES = 32 * 1024  # the longest valid message names 64 cameras
MESSAGES_PER_S, MESSAGE_BURST = 20.0, 200.0  # besides one for each picture: clock, tab and scrolling


class LiveViewer:
    """The connection to one browser, and what waits to be sent."""

    def __init__(self, clock: Callable[[], float], frozen_frames: FrozenFrames) -> None:
        self.socket = make_socket(MAX_MESSAGE_BYTES)
        self.is_tab_visible = True
        self._clock, self._frozen_frames = clock, frozen_frames
        self._frozen_id: int | None = None
        self._frames: dict[str, DisplayFrame] = {}  # in turn: the camera served last is the last
        self._sent_at: dict[str, float] = {}  # of pictures that are not painted yet
        self._on_screen: dict[str, deque[DisplayFrame]] = {}
        self._visible: frozenset[str] = frozenset()  # cameras whose tiles are in view
        self._window = FrameWindow()
        self._states: dict[str, CameraReport] = {}
        self._messages: list[Struct] = []
        self._limiter = TokenBucket(rate_per_s=MESSAGES_PER_S, capacity=MESSAGE_BURST, updated_at=time.monotonic())
        self._has_news = asyncio.Event()

    def enqueue(self, update: DisplayFrame | CameraReport) -> None:
        """Queue an update; it replaces the one that waits from the same camera."""
        if isinstance(update, CameraReport):
            self._states[update.camera] = update
            if update.state == CameraState.LEFT:
                self._frames.pop(update.camera, None)
                self._sent_at.pop(update.camera, None)
                self._on_screen.pop(update.camera, None)
        elif not update.jpeg or update.camera not in self.shown:
            return
        else:
            self._frames[update.camera] = update
        self._has_news.set()

    @property
    def shown(self) -> frozenset[str]:
        """The cameras that this browser shows now."""
        return self._visible if self.is_tab_visible else frozenset()

    def enqueue_message(self, message: Struct) -> None:
        """Queue a message."""
        self._messages.append(message)
        self._has_news.set()

    async def send_all(self) -> None:
        """Send what waits, as fast as the browser takes it, until the connection ends."""
        while not self.socket.closed:
            await self._has_news.wait()
            self._has_news.clear()
            try:
                await self._send_waiting()
            except ConnectionError:
                return

    async def _send_waiting(self) -> None:
        while self._messages or self._states:
            message = self._messages.pop(0) if self._messages else self._next_state()
            await self.socket.send_str(encode(message))
        while self._window.is_open(len(self._sent_at)) and (camera := self._next_camera()):
            self._sent_at[camera] = time.monotonic()
            frame = self._frames.pop(camera)
            self._on_screen.setdefault(camera, deque(maxlen=MAX_ON_SCREEN)).append(frame)
            await self.socket.send_bytes(encode_picture(frame, self._clock()))

    def _next_camera(self) -> str | None:
        return next((c for c in self._frames if c not in self._sent_at), None)

    def _next_state(self) -> Struct:
        return camera_state_update(self._states.pop(next(iter(self._states))), self._clock())

    async def receive_all(self) -> None:
        """Handle the browser's messages until it leaves. Raises ProtocolError."""
        async for message in receive_messages(self.socket):
            if message.type is not WSMsgType.TEXT:
                raise ProtocolError("only text messages are allowed")
            try:
                self._receive(decode(message.data))
            except ValueError as error:
                raise ProtocolError("not a message of this protocol") from error

    def _receive(self, message: BrowserMessage) -> None:
        now = time.monotonic()
        if isinstance(message, Painted) and message.camera in self._sent_at:
            in_flight = len(self._sent_at)
            self._window.record(now - self._sent_at.pop(message.camera), in_flight)
        elif not self._limiter.take_token(now):
            raise ProtocolError("too many messages")
        match message:
            case ClockRequest(sent_at):
                self._messages.append(ClockAnswer(sent_at=sent_at, now=self._clock()))
            case Freeze(camera, seq):
                self._messages.append(self._freeze(camera, seq))
            case TabVisibility(visible):
                self.is_tab_visible = visible
                self._frames.clear()
                self._sent_at.clear()
            case VisibleTiles(cameras):
                self._show_only(frozenset(cameras))
        self._has_news.set()

    def _show_only(self, cameras: frozenset[str]) -> None:
        """Forget what waits for tiles that are not in view, and what is on its way to them."""
        self._visible = cameras
        for waiting in (self._frames, self._sent_at):
            for camera in waiting.keys() - cameras:
                del waiting[camera]
        out_of_view = [camera for camera in self._on_screen if camera not in cameras]
        for camera in out_of_view[: max(0, len(self._on_screen) - MAX_KEPT)]:
            del self._on_screen[camera]

    def _freeze(self, camera: str, seq: int) -> Frozen:
        """Keep a frame that is on the screen, instead of the one that this viewer froze before."""
        frame = next((frame for frame in self._on_screen.get(camera, ()) if frame.seq == seq), None)
        if frame:
            self._frozen_id = self._frozen_frames.add(frame, instead_of=self._frozen_id)
        return Frozen(camera=camera, seq=seq, frame_id=self._frozen_id if frame else None)
