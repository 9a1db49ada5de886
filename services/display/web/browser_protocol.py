"""The messages between the display and a browser: JSON, and for pictures a JSON header before the camera's JPEG."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from services.display.display_state import DisplayFrame
from services.display.fan_in import CellStatus
from services.display.web.conversions import frame_fields
from services.display.web.schema import NAME_LENGTH, FrameFields, RowId
from shared.messaging.messages import CameraReport

MAX_TIME_MS = 1e15  # 30,000 years
MAX_TILES = 64  # in view: 24 are on a page
BrowserTime = Annotated[float, Meta(ge=-MAX_TIME_MS, le=MAX_TIME_MS)]


class FromBrowser(Struct, forbid_unknown_fields=True, tag_field="kind"):
    """A message from a browser."""


class Painted(FromBrowser, tag="painted"):
    """The last picture of a camera is on the screen."""

    camera: str


class ClockRequest(FromBrowser, tag="clock"):
    """Asks for the queue's clock."""

    sent_at: BrowserTime


class VisibleTiles(FromBrowser, tag="tiles"):
    """The cameras whose tiles are in view, all of them. A browser is sent no other pictures."""

    cameras: Annotated[list[Annotated[str, Meta(max_length=NAME_LENGTH)]], Meta(max_length=MAX_TILES)]


class TabVisibility(FromBrowser, tag="tab"):
    """The tab came to the foreground or went to the background."""

    visible: bool


class Freeze(FromBrowser, tag="freeze"):
    """Asks the display to keep a frame that is on the screen, so that it can be explained later."""

    camera: str
    seq: RowId


BrowserMessage = Painted | ClockRequest | VisibleTiles | TabVisibility | Freeze
DECODER = msgspec.json.Decoder(BrowserMessage)


class ToBrowser(Struct, tag_field="kind"):
    """A message to a browser."""


class ClockAnswer(ToBrowser, tag="clock"):
    """The queue's clock in seconds; sent_at is the browser's own time from the request."""

    sent_at: float
    now: float


class PipelineStatus(ToBrowser, tag="pipeline"):
    """Whether the pipeline answers."""

    up: bool


class CellUpdate(ToBrowser, tag="cell"):
    """Whether the queue of a cell answers; for_s is how long it has been so."""

    cell: str
    up: bool
    for_s: float


class CameraStateUpdate(ToBrowser, tag="state"):
    """A camera's state; for_s is how long it has lasted."""

    camera: str
    state: str
    detail: str
    for_s: float


class Welcome(ToBrowser, tag="welcome"):
    """The name of a browser that is a camera."""

    camera: str


class SendFrame(ToBrowser, tag="credit"):
    """Asks a browser that is a camera for one frame."""


class Frozen(ToBrowser, tag="frozen"):
    """The id of the frame that was kept, for /api/frames; None if the display no longer has it."""

    camera: str
    seq: int
    frame_id: int | None


class LiveReading(FrameFields, tag_field="kind", tag="reading"):
    """The reading of a frame; captured_at is in seconds of the queue's clock."""

    captured_at: float


def decode(text: str) -> BrowserMessage:
    """Return a browser's message. Raises ValueError for anything else."""
    try:
        message: BrowserMessage = DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(f"not a message of this protocol: {error}") from error
    return message


def encode(message: Struct) -> str:
    """Return compact JSON."""
    return msgspec.json.encode(message).decode()


def encode_picture(frame: DisplayFrame, now: float) -> bytes:
    """Return a WebSocket message: 4 bytes big-endian length of the header, the header as JSON, the JPEG."""
    header = msgspec.json.encode(live_reading(frame, now))
    return len(header).to_bytes(4, "big") + header + frame.jpeg


def live_reading(frame: DisplayFrame, now: float) -> LiveReading:
    """Return the reading of a frame at a time of the queue's clock."""
    return LiveReading(**frame_fields(frame, now - frame.captured_at), captured_at=frame.captured_at)


def cell_update(cell: CellStatus, now: float) -> CellUpdate:
    """Return whether a cell's queue answers, at a time of the display's clock."""
    return CellUpdate(cell=cell.name, up=cell.is_up, for_s=round(max(0.0, now - cell.since), 1))


def camera_state_update(state: CameraReport, now: float) -> CameraStateUpdate:
    """Return a camera's state at a time of the queue's clock."""
    for_s = round(max(0.0, now - state.began_at), 1)
    return CameraStateUpdate(camera=state.camera, state=state.state, detail=state.detail, for_s=for_s)
