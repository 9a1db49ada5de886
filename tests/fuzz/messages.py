"""Messages: bytes -> decoder -> queue -> display -> what browsers and programs are sent."""

import logging
import random
import time
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import msgpack
import msgspec

from services.display.display_state import CameraDisplay, DisplayFrame
from services.display.web.browser_protocol import camera_state_update, encode, encode_picture
from services.display.web.conversions import camera_change, camera_info, encode_update, event_info, reading_info
from services.display.web.event_store import Event, EventStore
from services.display.web.state import DashboardState, Update
from services.queue.broker import Broker
from services.queue.registry import MAX_CAMERAS, MAX_CLIENTS
from shared.messaging import codec, message_fields
from shared.messaging.codec import MalformedError, decode
from shared.messaging.messages import CameraReport, Message, Reading, View
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import CameraState, DropReason, Outcome
from tests.fuzz.mutations import mutate

PEERS = [bytes([0, 0, 0, 0, number]) for number in range(8)]
NAMES = ["demo", "demo.2", "a", "x" * 64, "é", "日本", "<img src=x>", "a b", "%s", "'\"", "w1", "w2", "."]
EXTREMES: list[Any] = [
    *(0.0, -0.0, 1.0, -1.0, 0.5, 1e-320, 1e6, 1e9, -1e9, 1e15, 1e300, -1e300, 65_535.0, 131_070.0, -131_070.0, -1e4),
    *(0, 1, 2, 3, 480, 640, 4096, 65_535, 65_536, -1, 2**31, 2**53 - 1, 2**53, 2**63, -(2**63)),
    *(None, True, False, float("nan"), float("inf"), "", "\0", "x" * 2000, "x" * 300_000, [], {}, [[]], b"", b"\xff"),
    *(b"x" * 70_000, msgpack.ExtType(5, b"x"), "a\u202eb", "a\nb", [None] * 600),
]
HEADERS = [
    b"\x91" * 100_000 + b"\xc0",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\x82\xa1a\x01\xa1a\x02",
    b"\xc1",
]
PAYLOADS = [b"", b"\xff\xd8x", bytes(480), bytes(640), bytes(6), b"x" * 1000]


class SilentSocket:
    """The queue's socket without peers."""

    def send(self, *_: object) -> bool:
        return True

    def receive(self, _: float) -> None:
        return None

    def now(self) -> float:
        return time.monotonic()


class MessageTarget:
    """One queue, one display and one web server's state, for all messages."""

    name = "messages"

    def __init__(self) -> None:
        logging.disable(logging.CRITICAL)
        self._broker = Broker(cast(BrokerSocket, SilentSocket()), max_age_s=0.15, reread_s=1.0)
        self._displays: dict[str, CameraDisplay] = {}
        self._state = DashboardState(EventStore(None, days=1), time.monotonic)
        self._state.subscribers.add(self._send)
        self._rows = [make_row(random.Random(number)) for number in range(500)]
        self._seq = self._fed = 0

    def make_input(self, rng: random.Random) -> list[bytes]:
        """Return the parts of one send."""
        kinds = list(codec.FORMATS)
        parts = [
            part for _ in range(rng.choice((1, 1, 1, 2, 4))) for part in self._make_message(rng, rng.choice(kinds))
        ]
        match rng.random():
            case chance if chance < 0.6:
                return parts
            case chance if chance < 0.8:
                at = rng.randrange(len(parts))
                parts[at] = mutate(parts[at], rng)
                return parts
            case chance if chance < 0.9:
                return rng.choice((parts[:-1], parts[::-1], [], parts * 129))
            case chance if chance < 0.95:
                return [rng.choice(HEADERS), rng.choice(PAYLOADS)]
        return [rng.randbytes(rng.randrange(200)) for _ in range(rng.randrange(6))]

    def _make_message(self, rng: random.Random, kind: str) -> tuple[bytes, bytes]:
        form = codec.FORMATS[kind]
        header: dict[str, Any] = {"kind": kind} | {name: self._make_value(rng, name) for name in form.fields}
        if rng.random() < 0.2:
            header[rng.choice([*header, "more"])] = rng.choice(EXTREMES)
        try:
            return msgpack.packb(header), rng.choice(PAYLOADS) if form.payload else b""
        except (ValueError, OverflowError, TypeError):  # msgpack has no integers of more than 64 bits
            return msgpack.packb({"kind": kind}), b""

    def _make_value(self, rng: random.Random, name: str) -> Any:
        """Return a value that the field takes."""
        if name == "seq" and rng.random() < 0.8:
            self._seq += 1
            return self._seq
        if name.endswith("_at") and rng.random() < 0.7:
            return time.monotonic() - rng.choice((0.0, 0.05, -0.5, 10.0, 3600.0))
        if name == "digits":
            return rng.sample(self._rows, rng.choice((0, 0, 1, 2, 30)))
        return rng.choice(valid_values(name))

    def feed(self, given: list[bytes]) -> str:
        """Give parts to the decoder; what comes out to the queue, and to the display as if the queue had sent it."""
        self._fed += 1
        if self._fed % 20 == 0:
            self._broker.run_once(0)
            self._state.expire_numbers()
        try:
            taken = decode(given)
        except MalformedError:
            return "refused"
        for message in taken:
            try:
                self._broker.handle_message(PEERS[self._fed % len(PEERS)], message)
            except MalformedError:
                self._broker.warn("malformed")
            self._show(message)
        return "taken"

    def _show(self, message: Message) -> None:
        if isinstance(message, Reading):
            names = ("camera", "seq", "captured_at", "width", "height", "digits")
            fields = {name: getattr(message, name) for name in names}
            message = View(**fields, outcome=Outcome.READ, jpeg=b"j")
        if isinstance(message, View):
            frame = self._displays.setdefault(message.camera, CameraDisplay()).update(message)
            self._state.update([frame] if frame else [])
        elif isinstance(message, CameraReport):
            self._state.update([message])

    def _send(self, update: Update) -> None:
        """Make what browsers, listeners and programs get."""
        now = time.monotonic()
        if isinstance(update, DisplayFrame):
            encode_picture(update, now)
            encode_update("reading", reading_info(update, self._state))
        elif isinstance(update, CameraReport):
            encode(camera_state_update(update, now))
            encode_update("camera", camera_change(update, self._state))
        elif isinstance(update, Event):
            encode_update(update.kind, event_info(update))
        if view := self._state.cameras.get(update.camera):
            msgspec.json.encode(camera_info(update.camera, view, self._state, is_added=False))

    def close(self) -> list[str]:
        """Return which limits were passed."""
        logging.disable(logging.NOTSET)
        registry = self._broker.registry
        return (
            [] if len(registry.cameras) <= MAX_CAMERAS and len(registry.clients) <= MAX_CLIENTS else ["too many peers"]
        )


@cache
def valid_values(name: str) -> list[Any]:
    """Return the values of a field that its format takes, of those that are worth trying."""
    is_valid: Callable[[Any], bool] = message_fields.FIELDS[name].is_valid
    enums = ["capture", "preprocess", "inference", "display", "open", "compare", "skip"]
    enums += [str(value) for enum in (CameraState, Outcome, DropReason) for value in enum]
    return [value for value in [*EXTREMES, *NAMES, *enums, 0.1, 10.0, 60.0, 4, 8] if is_valid(value)] or EXTREMES


def make_row(rng: random.Random) -> list[float]:
    """Return a digit as a row, often with values at the limits."""
    limit = message_fields.MAX_COORDINATE_PX
    corner = [rng.choice((rng.uniform(0, 640), -limit, limit, 0.0)) for _ in range(2)]
    size = [rng.choice((rng.uniform(0, 100), 0.0, 1e-320, limit)) for _ in range(2)]
    log_p = [rng.choice((-0.01, -5.0, 0.0, -1e-320, message_fields.MIN_LOG_P)) for _ in range(11)]
    return [*corner, *size, *log_p, rng.choice((0.0, 12.0, limit))]
