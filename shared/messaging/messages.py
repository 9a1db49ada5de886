"""Every message between processes, and its bytes: a msgpack header, then a payload.

The payload is empty where a ticket in the header tells where the bytes lie (shared/messaging/frame_store.py).

One message on the wire is two parts, header and payload; a batch is several such pairs in one multipart send. Each
field that arrives is checked before a message is built from it. There is no pickle.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple, TypeGuard

import msgpack

from shared.messaging.frame_store import JPEG_BYTES, RING_NAME, SLOTS, STORE_NAME, Ticket
from shared.pipeline import WORKER_STAGES, CameraState, DropReason, Gate, Outcome, Stage
from shared.vision.digit import ROW_BOX, ROW_LENGTH, ROW_LOG_P, ROW_PAPER, Box, Digit, Move

# Raise it with each change of a message or of its meaning: processes of different versions then refuse each other in
# one sentence. It is in front of each message's kind, which is all that must never change.
PROTOCOL = 1
OTHER_KIND = re.compile(r"(?:(\d{1,6})\.)?[A-Za-z]{1,32}")
MAX_HEADER_BYTES = 256 * 1024  # 512 digits with their probabilities are 80 kB
MAX_HEADERS_BYTES = 12 * 1024 * 1024  # in one multipart send: 128 readings of 512 digits are 10 MB, and take 0.4 s
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024  # a 50 megapixel JPEG; a gray frame of 640 x 640 is 400 kB
MAX_MESSAGES = 256  # in one multipart send
MAX_DIGITS = 512  # on one frame
WEIGHTS = (0.1, 10.0)  # the range of a camera's weight: at most a hundred turns for one
OLDEST_S = 60.0  # the most that a camera's max_age_s can be
MAX_DETAIL = 1000  # characters of a camera's detail
MAX_SKETCH_BYTES = 64 * 1024  # ten times that of a square frame
MAX_SIDE_PX = 65_535  # of a JPEG: its header has 16 bits for each side
MAX_COORDINATE_PX = 2.0 * MAX_SIDE_PX  # a box may stick out of its picture
MIN_LOG_P = -1e4  # float32 logits differ by less
MAX_CREDIT = 4096  # frames or views; a batch has at most 128
MAX_INDICES = 256  # frames of a file that one message tells about
MAX_SELECTED = 256  # as many cameras as a queue takes
MAX_INTERVAL_S = 3600.0  # between two views of a camera that a viewer did not select
STAMP = re.compile(r"[0-9a-f]{16}")
MAX_TIME_S = 1e9  # 31 years: clocks count from the start of a machine


class MalformedError(ValueError):
    """Bytes that are not a message of this pipeline; the text says what is wrong with them."""


class OtherProtocolError(MalformedError):
    """A message of another version of digitcam."""

    def __init__(self, protocol: str) -> None:
        super().__init__(
            f"it is of another version of digitcam (protocol {protocol}, here {PROTOCOL}): "
            "install the same version on all machines"
        )


class PassedOver(NamedTuple):
    """Frames of a camera that ended without a view for this viewer: all, those with a reading, those followed."""

    frames: int
    read: int
    followed: int


NONE_PASSED = PassedOver(0, 0, 0)


class FilePosition(NamedTuple):
    """Names a frame of a file. Unlike seq it is the same when the frame is sent or read again."""

    stamp: str  # of the file: another one when the file changes (shared/file_reading/progress.py)
    index: int  # type: ignore[assignment] # the first frame has 0; it hides tuple.index


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture as a camera gave it: capture -> queue -> preprocess."""

    camera: str
    seq: int  # grows with every frame of a camera, also across restarts of its capture process
    captured_at: float
    every_frame: bool  # complete before fresh: this frame is never dropped
    jpeg: bytes  # empty if there is a ticket
    ticket: Ticket | None = None
    gate: Gate = Gate.OPEN  # set by the queue
    sketch: bytes = b""  # of an earlier frame of the camera, to compare with
    read_seq: int = 0  # with Gate.FOLLOW: of the frame whose digits are followed
    boxes: tuple[Box, ...] = ()  # of its digits, in pixels of the picture
    weight: float = 1.0  # turns under load, for each turn of a camera of weight 1
    max_age_s: float = 0.0  # a frame is dropped when it is older; 0 means MAX_AGE_S of the queue
    bare_ones: bool = False  # what is written here is meant as digits: a bare stroke is a 1
    position: FilePosition | None = None  # with EVERY_FRAME: the queue holds the frame until a display records it


@dataclass(frozen=True, slots=True, kw_only=True)
class GrayFrame:
    """A frame that is ready for the networks: preprocess -> queue -> inference."""

    camera: str
    seq: int
    captured_at: float
    width: int  # of the JPEG
    height: int
    rows: int
    columns: int
    pixels: bytes  # 8-bit gray, row by row; empty if there is a ticket
    ticket: Ticket | None = None
    sketch: bytes = b""  # of this frame, if it was to be compared and differs
    bare_ones: bool = False  # of the Frame


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A frame with Gate.SKIP that looks like the earlier one: preprocess -> queue."""

    camera: str
    seq: int


@dataclass(frozen=True, slots=True)
class Followed:
    """A frame with Gate.FOLLOW in which each of the digits was found again: preprocess -> queue."""

    camera: str
    seq: int
    moves: tuple[Move, ...]  # of the boxes, in their order


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The digits of one frame: inference -> queue."""

    camera: str
    seq: int
    captured_at: float
    width: int
    height: int
    digits: tuple[Digit, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame that a worker could not work on: worker -> queue."""

    camera: str
    seq: int
    reason: DropReason


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a frame ended: queue -> display.

    The digits of an unchanged frame are those of the last reading that looked the same. Those of a followed frame are
    of the reading that they were followed from, with their boxes moved. A dropped frame has no digits and no size. The
    JPEG is empty unless the viewer asked for it.
    """

    camera: str
    seq: int
    captured_at: float
    outcome: Outcome
    width: int
    height: int
    digits: tuple[Digit, ...]
    jpeg: bytes
    position: FilePosition | None = None  # a display answers with Recorded
    passed_over: PassedOver = NONE_PASSED  # since the viewer's last view of the camera


@dataclass(frozen=True, slots=True)
class Recorded:
    """Frames of a file whose end is recorded and will not be lost: display -> queue -> capture."""

    camera: str
    stamp: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraReport:
    """The state of a camera: capture -> queue -> display, on a change and every half second. LEFT is the last."""

    camera: str
    state: CameraState
    detail: str  # a sentence for people
    began_at: float
    ring: str = ""  # that it writes its JPEGs into; empty if its frames carry them


@dataclass(frozen=True, slots=True)
class Credit:
    """How many frames a capture process may send now: queue -> capture. It replaces earlier credit."""

    camera: str
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a worker or a viewer takes: worker -> queue, at its start and as its heartbeat.

    A worker takes batches of up to `credit` frames, and each answer gives its frame's credit back. With 0 it is about
    to leave. A viewer takes `credit` views from now on.
    """

    role: Stage  # preprocess, inference or display
    name: str
    credit: int
    with_jpeg: bool  # for a viewer that shows pictures
    store: str = ""  # the queue's store, if the sender shares its memory
    weights: str = ""  # the versions of an inference worker's networks


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a worker gets no frames: queue -> worker, instead of frames, as often as it says that it is ready."""

    detail: str  # a sentence for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Narrows what a viewer is sent: viewer -> queue, on a change and with its heartbeat.

    It gets every frame of the cameras in `pictures`, with its JPEG, and every frame of those in `cameras`; None stands
    for all. Of any other camera it gets at most one frame each `interval_s`, but all of a file that is read once.
    """

    pictures: tuple[str, ...] | None = None
    cameras: tuple[str, ...] | None = None
    interval_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks the queue for its clock: any process -> queue."""

    sent_at: float  # by the sender's clock


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a Ping: queue -> sender."""

    sent_at: float
    queue_at: float
    store: str = ""  # the name of the queue's store; empty if it has none


Message = (
    Frame
    | GrayFrame
    | Unchanged
    | Followed
    | Reading
    | Refusal
    | View
    | Recorded
    | CameraReport
    | Credit
    | Ready
    | Denial
    | Selection
    | Ping
    | Pong
)


def encode(messages: Iterable[Message]) -> list[bytes]:
    """Return all parts of a multipart send. They are complete before the first is sent, so an error sends nothing."""
    return [part for message in messages for part in _encode_one(message)]


def _encode_one(message: Message) -> tuple[bytes, bytes]:
    kind = KINDS[type(message)]
    form = FORMATS[kind]
    header: dict[str, Any] = {"kind": kind}
    for name in form.required:
        header[name] = getattr(message, name)
    for name, default in form.defaults.items():
        if (value := getattr(message, name)) != default:
            header[name] = value
    if "digits" in header:
        header["digits"] = [digit.to_row() for digit in header["digits"]]
    return msgpack.packb(header), getattr(message, form.payload) if form.payload else b""


def decode(parts: Sequence[bytes]) -> list[Message]:
    """Return the messages of one multipart receive. Raises MalformedError if any of them is malformed."""
    if not parts or len(parts) % 2 or len(parts) > 2 * MAX_MESSAGES:
        raise MalformedError(f"{len(parts)} parts are not pairs of header and payload")
    if (size_bytes := sum(map(len, parts[::2]))) > MAX_HEADERS_BYTES:
        raise MalformedError(f"headers of {size_bytes} bytes in one send are too large")
    return [_decode_one(header, payload) for header, payload in zip(parts[::2], parts[1::2], strict=True)]


def _decode_one(header: bytes, payload: bytes) -> Message:
    if len(header) > MAX_HEADER_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise MalformedError(f"a message of {len(header)} + {len(payload)} bytes is too large")
    try:
        values = msgpack.unpackb(header)
    except (ValueError, msgpack.UnpackException) as error:
        raise MalformedError(f"the header is not msgpack: {error}") from error
    if not isinstance(values, dict) or not isinstance(kind := values.pop("kind", None), str):
        raise MalformedError("the header names no message")
    if kind not in FORMATS:
        other = OTHER_KIND.fullmatch(kind)
        if other and other[1] != f"{PROTOCOL}":
            raise OtherProtocolError(other[1] or "0")
        raise MalformedError("the header names no known message")
    return _build_message(FORMATS[kind], values, payload)


def _build_message(form: "MessageFormat", values: dict[Any, Any], payload: bytes) -> Message:
    kind = form.kind.__name__
    if payload and not form.payload:
        raise MalformedError(f"a {kind} carries no payload")
    if not form.required <= values.keys() <= form.fields.keys():
        raise MalformedError(f"a {kind} has the fields {list(form.fields)}, not {sorted(map(str, values))}")
    for name, value in values.items():
        field = form.fields[name]
        if not field.is_valid(value):
            raise MalformedError(f"a {kind} with a wrong {name}")
        if field.convert:
            values[name] = field.convert(value)
    if form.payload:
        values[form.payload] = payload
    message: Message = form.kind(**values)
    if isinstance(message, GrayFrame):
        size = message.rows * message.columns
        if not size or len(message.pixels) != (0 if message.ticket else size):
            raise MalformedError(f"a GrayFrame of {message.rows} x {message.columns} has {len(message.pixels)} pixels")
    if isinstance(message, Frame) and message.ticket and message.jpeg:
        raise MalformedError("a Frame has a ticket and a JPEG")
    return message


@dataclass(frozen=True, slots=True)
class FieldFormat:
    """How a field of a header is checked, and what it is converted to if msgpack has no such type."""

    is_valid: Callable[[Any], bool]
    convert: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """The fields in a message's header, and the field that is its payload, if it has one.

    A field with a default is left out of the header where it has that: most of a Frame's, and a message takes half of
    the time.
    """

    kind: type[Any]
    fields: dict[str, FieldFormat]
    required: Set[str]
    defaults: dict[str, Any]
    payload: str


def is_name(value: object) -> TypeGuard[str]:
    """Return whether a value is short and printable, as metric labels and log lines need."""
    return isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable()


def _is_count(limit: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and 0 <= value <= limit


_is_seq = _is_count(2**53 - 1)  # what a JavaScript number holds
_is_slot = _is_count(SLOTS - 1)
_is_jpeg_size = _is_count(JPEG_BYTES)


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _is_between(low: float, high: float) -> Callable[[object], bool]:
    return lambda value: type(value) is float and low <= value <= high


def _is_digit_rows(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_DIGITS and all(map(_is_digit_row, value))


def _is_float_row(row: object, length: int) -> TypeGuard[list[float]]:
    return isinstance(row, list) and len(row) == length and set(map(type, row)) == {float} and math.isfinite(sum(row))


def _is_digit_row(row: object) -> bool:
    if not _is_float_row(row, ROW_LENGTH):
        return False
    log_p, paper, limit = row[ROW_LOG_P], row[ROW_PAPER], MAX_COORDINATE_PX
    return bool(
        _is_box(row[ROW_BOX])
        and 0 <= min(paper) <= max(paper) <= limit
        and MIN_LOG_P <= min(log_p) <= max(log_p) <= 1e-6
    )


def _is_box(row: Sequence[float]) -> bool:
    x, y, width, height = row
    limit = MAX_COORDINATE_PX
    return -limit <= x <= limit and -limit <= y <= limit and 0 <= width <= limit and 0 <= height <= limit


def _is_boxes(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_DIGITS
        and all(_is_float_row(row, 4) and _is_box(row) for row in value)
    )


def _is_moves(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_DIGITS
        and all(_is_float_row(row, 2) and max(map(abs, row)) <= MAX_COORDINATE_PX for row in value)
    )


def _is_ticket(row: object) -> bool:
    if row is None:
        return True
    if not isinstance(row, list) or len(row) != len(Ticket._fields):
        return False
    ring, slot, generation, jpeg_bytes = row
    return (
        isinstance(ring, str)
        and RING_NAME.fullmatch(ring) is not None
        and _is_slot(slot)
        and _is_seq(generation)
        and _is_jpeg_size(jpeg_bytes)
        and min(generation, jpeg_bytes) > 0
    )


def _is_stamp(value: object) -> bool:
    return isinstance(value, str) and STAMP.fullmatch(value) is not None


def _is_position(row: object) -> bool:
    return row is None or (isinstance(row, list) and len(row) == 2 and _is_stamp(row[0]) and _is_seq(row[1]))


def _is_indices(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_INDICES and all(map(_is_seq, value))


def _is_selected(value: object) -> bool:
    return value is None or (isinstance(value, list) and len(value) <= MAX_SELECTED and all(map(is_name, value)))


def _is_passed_over(row: object) -> bool:
    return isinstance(row, list) and len(row) == len(NONE_PASSED) and all(map(_is_seq, row))


def _enum_field(enum: type[StrEnum], allowed: Iterable[StrEnum] = ()) -> FieldFormat:
    values = tuple(allowed or enum)  # a tuple, since a value that cannot be hashed is malformed, too
    members = {member.value: member for member in enum}  # a look-up takes 0.06 us, a call of the enum 0.51
    return FieldFormat(values.__contains__, members.__getitem__)


SEQ = FieldFormat(_is_seq)
SIDE_PX = FieldFormat(_is_count(MAX_SIDE_PX))
CREDIT = FieldFormat(_is_count(MAX_CREDIT))
CAMERAS = FieldFormat(_is_selected, lambda names: None if names is None else tuple(names))
TIME = FieldFormat(_is_between(-MAX_TIME_S, MAX_TIME_S))
FIELDS = {
    "camera": FieldFormat(is_name),
    "name": FieldFormat(is_name),
    "detail": FieldFormat(lambda value: isinstance(value, str) and len(value) <= MAX_DETAIL),
    "role": _enum_field(Stage, (*WORKER_STAGES, Stage.DISPLAY)),
    "state": _enum_field(CameraState),
    "gate": _enum_field(Gate),
    "outcome": _enum_field(Outcome),
    "reason": _enum_field(DropReason),
    "seq": SEQ,
    "width": SIDE_PX,
    "height": SIDE_PX,
    "rows": SIDE_PX,
    "columns": SIDE_PX,
    "credit": CREDIT,
    "frames": CREDIT,
    "captured_at": TIME,
    "began_at": TIME,
    "sent_at": TIME,
    "queue_at": TIME,
    "ticket": FieldFormat(_is_ticket, lambda row: row and Ticket(*row)),
    "position": FieldFormat(_is_position, lambda row: row and FilePosition(*row)),
    "stamp": FieldFormat(_is_stamp),
    "indices": FieldFormat(_is_indices, tuple),
    "weights": FieldFormat(lambda value: value == "" or is_name(value)),
    "ring": FieldFormat(lambda value: isinstance(value, str) and bool(not value or RING_NAME.fullmatch(value))),
    "store": FieldFormat(lambda value: isinstance(value, str) and bool(not value or STORE_NAME.fullmatch(value))),
    "every_frame": FieldFormat(_is_flag),
    "bare_ones": FieldFormat(_is_flag),
    "with_jpeg": FieldFormat(_is_flag),
    "sketch": FieldFormat(lambda value: isinstance(value, bytes) and len(value) <= MAX_SKETCH_BYTES),
    "weight": FieldFormat(_is_between(*WEIGHTS)),
    "max_age_s": FieldFormat(_is_between(0.0, OLDEST_S)),
    "read_seq": SEQ,
    "boxes": FieldFormat(_is_boxes, lambda rows: tuple(map(tuple, rows))),
    "moves": FieldFormat(_is_moves, lambda rows: tuple(map(tuple, rows))),
    "pictures": CAMERAS,
    "cameras": CAMERAS,
    "interval_s": FieldFormat(_is_between(0.0, MAX_INTERVAL_S)),
    "passed_over": FieldFormat(_is_passed_over, PassedOver._make),
    "digits": FieldFormat(_is_digit_rows, lambda rows: tuple(map(Digit.from_row, rows))),
}
PAYLOADS = ("jpeg", "pixels")


def _make_format(kind: type[Any]) -> MessageFormat:
    names = [field.name for field in fields(kind)]
    header = {name: FIELDS[name] for name in names if name not in PAYLOADS}
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    return MessageFormat(
        kind=kind,
        fields=header,
        required=header.keys() - defaults.keys(),
        defaults=defaults,
        payload=next((name for name in names if name in PAYLOADS), ""),
    )


# built once: asking a dataclass for its fields was half of the time that a message took
KINDS = {kind: f"{PROTOCOL}.{kind.__name__}" for kind in Message.__args__}
FORMATS = {KINDS[kind]: _make_format(kind) for kind in Message.__args__}
