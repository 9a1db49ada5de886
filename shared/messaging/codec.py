"""The bytes of a message: a msgpack header, then a payload. There is no pickle.

The payload is empty where a ticket in the header tells where the bytes lie (shared/messaging/frame_store.py).

One message on the wire is two parts, header and payload; a batch is several such pairs in one multipart send. Each
field that arrives is checked before a message is built from it.
"""

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import MISSING, dataclass, fields
from typing import Any

import msgpack

from shared.messaging.message_fields import FIELDS, FieldFormat
from shared.messaging.messages import Frame, GrayFrame, Message

# Raise it with each change of a message or of its meaning: processes of different versions then refuse each other in
# one sentence. It is in front of each message's kind, which is all that must never change.
PROTOCOL = 1
OTHER_KIND = re.compile(r"(?:(\d{1,6})\.)?[A-Za-z]{1,32}")
MAX_HEADER_BYTES = 256 * 1024  # 512 digits with their probabilities are 80 kB
MAX_HEADERS_BYTES = 12 * 1024 * 1024  # in one multipart send: 128 readings of 512 digits are 10 MB, and take 0.4 s
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024  # a 50 megapixel JPEG; a gray frame of 640 x 640 is 400 kB
MAX_MESSAGES = 256  # in one multipart send


class MalformedError(ValueError):
    """Bytes that are not a message of this pipeline; the text says what is wrong with them."""


class OtherProtocolError(MalformedError):
    """A message of another version of digitcam."""

    def __init__(self, protocol: str) -> None:
        super().__init__(
            f"it is of another version of digitcam (protocol {protocol}, here {PROTOCOL}): "
            "install the same version on all machines"
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
