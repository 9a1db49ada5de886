"""Every message that crosses a process boundary, and its bytes: a msgpack header, then a payload.

One message on the wire is two parts, header and payload; a batch is several such pairs in one multipart send.
Whatever arrives is checked field by field against one table before anything is built from it; there is no pickle.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeGuard

import msgpack

from shared.pipeline import WORKER_STAGES, CameraState, DropReason, Gate, Outcome, Stage
from shared.vision.digit import Digit

MAX_HEADER_BYTES = 256 * 1024  # 512 digits with their evidence are 80 kB
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024  # a 50 megapixel JPEG; a page of 640 x 640 is 400 kB
MAX_MESSAGES = 256  # in one multipart send
MAX_DIGITS = 512  # on one page
WEIGHTS = (0.1, 10.0)  # the lightest and the heaviest camera: at most a hundred turns for one
OLDEST_S = 60.0  # the most that a camera's max_age_s can be
MAX_SKETCH_BYTES = 64 * 1024  # ten times a square one's


class MalformedError(ValueError):
    """Bytes that are no message of ours; the text says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture as a camera gave it: capture -> queue -> preprocess."""

    camera: str
    seq: int  # grows with every frame of a camera, also across restarts of its capture process
    captured_at: float
    every_frame: bool  # complete before fresh: this frame is never dropped
    jpeg: bytes
    gate: Gate = Gate.OPEN  # set by the queue; COMPARE and SKIP ask for a comparison with
    sketch: bytes = b""  # of an earlier page of the camera; empty where there is none
    weight: float = 1.0  # turns under load, for each one of a camera of weight 1
    max_age_s: float = 0.0  # older than this it is dropped; 0: what the queue's MAX_AGE_S says


@dataclass(frozen=True, slots=True)
class GrayFrame:
    """A frame made ready to be read: preprocess -> queue -> inference."""

    camera: str
    seq: int
    captured_at: float
    width: int  # of the picture; the page's own are rows and len(pixels) / rows
    height: int
    rows: int
    pixels: bytes  # 8-bit grey, row by row
    sketch: bytes = b""  # of this page, where a comparison was asked for and it is not the same as the earlier one


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A frame with gate "skip" whose page is the same as the earlier one, and need not be read: preprocess -> queue."""

    camera: str
    seq: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What one frame said: inference -> queue."""

    camera: str
    seq: int
    captured_at: float
    width: int
    height: int
    digits: tuple[Digit, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame that cannot be worked on, and why: a worker -> queue."""

    camera: str
    seq: int
    reason: DropReason


@dataclass(frozen=True, slots=True)
class View:
    """How a frame ended, for whoever looks: queue -> display.

    The digits of an unchanged frame are those of the last reading of the same picture. A dropped frame has no digits
    and no size. The JPEG is empty unless the viewer asked for pictures.
    """

    camera: str
    seq: int
    captured_at: float
    outcome: Outcome
    width: int
    height: int
    digits: tuple[Digit, ...]
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class CameraReport:
    """How a camera is: capture -> queue -> display, on a change and every half second; "left" is its last word."""

    camera: str
    state: CameraState
    detail: str  # a sentence for a person
    since: float


@dataclass(frozen=True, slots=True)
class Credit:
    """How many frames a capture process may send now: queue -> capture. It sets, it does not add."""

    camera: str
    frames: int


@dataclass(frozen=True, slots=True)
class Ready:
    """How many items a worker takes now: worker -> queue. It sets the credit and is the worker's heartbeat."""

    role: Stage  # preprocess, inference or display
    worker: str
    credit: int
    pictures: bool  # a viewer that wants the JPEGs too


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks the queue for its clock: any process -> queue."""

    sent_at: float  # by the asker's clock


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a Ping: queue -> the process that asked."""

    sent_at: float
    queue_at: float


Message = Frame | GrayFrame | Unchanged | Reading | Refusal | View | CameraReport | Credit | Ready | Ping | Pong

PAYLOADS = ("jpeg", "pixels")


def encode(messages: Iterable[Message]) -> list[bytes]:
    """All parts of a multipart send; complete before the first is sent, so that an error leaves nothing torn."""
    return [part for message in messages for part in _encode_one(message)]


def _encode_one(message: Message) -> tuple[bytes, bytes]:
    form = FORMS[type(message).__name__]
    header: dict[str, Any] = {"kind": form.kind.__name__}
    for name in form.facts:
        header[name] = getattr(message, name)
    if "digits" in header:
        header["digits"] = [(*digit.box, *digit.log_p, digit.gap_px) for digit in header["digits"]]
    return msgpack.packb(header), getattr(message, form.carrier) if form.carrier else b""


def decode(parts: Sequence[bytes]) -> list[Message]:
    """The messages of one multipart receive. Raises MalformedError; then none of them counts."""
    if not parts or len(parts) % 2 or len(parts) > 2 * MAX_MESSAGES:
        raise MalformedError(f"{len(parts)} parts are not pairs of header and payload")
    return [_decode_one(header, payload) for header, payload in zip(parts[::2], parts[1::2], strict=True)]


def _decode_one(header: bytes, payload: bytes) -> Message:
    if len(header) > MAX_HEADER_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise MalformedError(f"a message of {len(header)} + {len(payload)} bytes is too large")
    try:
        values = msgpack.unpackb(header)
    except (ValueError, msgpack.UnpackException) as error:
        raise MalformedError(f"the header is not msgpack: {error}") from error
    if not isinstance(values, dict) or not isinstance(name := values.pop("kind", None), str) or name not in FORMS:
        raise MalformedError("the header names no kind of message")
    return _build(FORMS[name], values, payload)


def _build(form: "MessageFormat", values: dict[Any, Any], payload: bytes) -> Message:
    if payload and not form.carrier:
        raise MalformedError(f"a {form.kind.__name__} carries no payload")
    if values.keys() != form.checks.keys():
        raise MalformedError(
            f"a {form.kind.__name__} has the fields {list(form.facts)}, not {sorted(map(str, values))}"
        )
    for name, check in form.checks.items():
        if not check(values[name]):
            raise MalformedError(f"a {form.kind.__name__} with a wrong {name}")
    for name, enum in form.enums.items():
        values[name] = enum(values[name])
    if "digits" in values:
        values["digits"] = tuple(Digit(tuple(row[:4]), tuple(row[4:15]), row[15]) for row in values["digits"])
    if form.carrier:
        values[form.carrier] = payload
    message: Message = form.kind(**values)
    if isinstance(message, GrayFrame) and (
        not message.rows or not message.pixels or len(message.pixels) % message.rows
    ):
        raise MalformedError(f"a GrayFrame of {len(message.pixels)} pixels has no {message.rows} rows")
    return message


def is_name(value: object) -> TypeGuard[str]:
    """Short and printable: it becomes a label of metrics and a word of log lines."""
    return isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 1000


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**53  # what a JavaScript number holds


def _is_time(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _is_weight(value: object) -> bool:
    return type(value) is float and WEIGHTS[0] <= value <= WEIGHTS[1]


def _is_max_age(value: object) -> bool:
    return type(value) is float and 0 <= value <= OLDEST_S


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _is_sketch(value: object) -> bool:
    return isinstance(value, bytes) and len(value) <= MAX_SKETCH_BYTES


def _are_digits(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_DIGITS and all(map(_is_digit, value))


def _is_digit(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 16
        and set(map(type, row)) == {float}
        and all(map(math.isfinite, row))
        and max(row[4:15]) <= 1e-6
        and row[15] >= 0
    )


def _is_one_of(members: Iterable[StrEnum]) -> Callable[[object], bool]:
    return tuple(members).__contains__  # a tuple, since a value that cannot be hashed is malformed too


CHECKS: dict[str, Callable[[object], bool]] = {
    "role": _is_one_of((*WORKER_STAGES, Stage.DISPLAY)),
    "state": _is_one_of(CameraState),
    "gate": _is_one_of(Gate),
    "outcome": _is_one_of(Outcome),
    "reason": _is_one_of(DropReason),
    "camera": is_name,
    "worker": is_name,
    "detail": _is_text,
    "seq": _is_count,
    "width": _is_count,
    "height": _is_count,
    "rows": _is_count,
    "credit": _is_count,
    "frames": _is_count,
    "captured_at": _is_time,
    "since": _is_time,
    "sent_at": _is_time,
    "queue_at": _is_time,
    "every_frame": _is_flag,
    "pictures": _is_flag,
    "sketch": _is_sketch,
    "weight": _is_weight,
    "max_age_s": _is_max_age,
    "digits": _are_digits,
}


ENUMS: dict[str, type[StrEnum]] = {
    "role": Stage,
    "state": CameraState,
    "gate": Gate,
    "outcome": Outcome,
    "reason": DropReason,
}


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """What a kind of message is made of: the facts in its header, each with its check, and the field of its payload."""

    kind: type[Any]
    facts: tuple[str, ...]
    checks: dict[str, Callable[[object], bool]]
    enums: dict[str, type[StrEnum]]
    carrier: str  # empty where there is none


def _form_of(kind: type[Any]) -> MessageFormat:
    names = [field.name for field in fields(kind)]
    facts = tuple(name for name in names if name not in PAYLOADS)
    carrier = next((name for name in names if name in PAYLOADS), "")
    checks = {name: CHECKS[name] for name in facts}
    return MessageFormat(kind, facts, checks, {name: ENUMS[name] for name in facts if name in ENUMS}, carrier)


# made once: asking a dataclass for its fields was half of the time that a message took
FORMS = {kind.__name__: _form_of(kind) for kind in Message.__args__}
