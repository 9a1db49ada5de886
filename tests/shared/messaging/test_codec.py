"""Messages arrive as they were sent; anything else is malformed, with a reason."""

import hashlib
import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging import codec, message_fields
from shared.messaging.codec import MalformedError, OtherProtocolError, decode, encode
from shared.messaging.frame_store import JPEG_BYTES, SLOTS, Ticket
from shared.messaging.messages import (
    CameraReport,
    Credit,
    Denial,
    FilePosition,
    Followed,
    Frame,
    GrayFrame,
    Message,
    Ping,
    Pong,
    Reading,
    Ready,
    Recorded,
    Refusal,
    Selection,
    Unchanged,
    View,
)
from shared.pipeline import CameraState, DropReason, Gate, Outcome, Stage
from shared.vision.digit import Digit

SEVEN = Digit((1.0, 2.0, 3.0, 4.0), tuple(math.log(p) for p in [0.01] * 7 + [0.91] + [0.005] * 2 + [0.01]))
READY = Ready(role=Stage.INFERENCE, name="inference.1@host", credit=16, with_jpeg=False)
VIEW = View(
    camera="demo",
    seq=1,
    captured_at=2.5,
    outcome=Outcome.READ,
    width=640,
    height=480,
    digits=(SEVEN,),
    jpeg=b"jpeg",
)
ROW = [0.0, 0.0, 1.0, 1.0, *[-1.0] * 11, 0.0, 0.0]  # of a digit: box, log-probabilities, free paper
FOLLOWED = Followed("demo", 1, ((1.5, -2.25), (0.0, 0.0)))
TO_FOLLOW = Frame(
    camera="demo",
    seq=2,
    captured_at=2.5,
    every_frame=False,
    jpeg=b"jpeg",
    gate=Gate.FOLLOW,
    read_seq=1,
    boxes=((1.0, 2.0, 3.5, 4.0),),
)
EACH_KIND: list[Message] = [
    Frame(camera="demo", seq=1, captured_at=2.5, every_frame=False, jpeg=b"\xff\xd8jpeg"),
    GrayFrame(camera="demo", seq=1, captured_at=2.5, width=640, height=480, rows=2, columns=3, pixels=b"123456"),
    Frame(
        camera="demo",
        seq=1,
        captured_at=2.5,
        every_frame=False,
        jpeg=b"\xff\xd8jpeg",
        gate=Gate.SKIP,
        sketch=b"sketch",
        weight=2.0,
        max_age_s=0.5,
        bare_ones=True,
    ),
    GrayFrame(
        camera="demo",
        seq=1,
        captured_at=2.5,
        width=640,
        height=480,
        rows=2,
        columns=3,
        pixels=b"123456",
        sketch=b"sketch",
        bare_ones=True,
    ),
    Unchanged("demo", 1),
    Reading(camera="demo", seq=1, captured_at=2.5, width=640, height=480, digits=(SEVEN, SEVEN)),
    Refusal("demo", 1, DropReason.MALFORMED),
    VIEW,
    CameraReport(camera="demo", state=CameraState.LIVE, detail="30 pictures a second", began_at=1.0),
    replace(VIEW, position=FilePosition("0123456789abcdef", 252)),
    Frame(
        camera="demo",
        seq=1,
        captured_at=2.5,
        every_frame=True,
        jpeg=b"jpeg",
        position=FilePosition("0123456789abcdef", 0),
    ),
    Recorded("demo", "0123456789abcdef", (250, 252)),
    Credit("demo", 8),
    READY,
    Denial("its networks are others"),
    Selection(pictures=("demo",), cameras=None, interval_s=0.1),
    Ping(1.0),
    Pong(1.0, 2.0),
    FOLLOWED,
    TO_FOLLOW,
]


def with_number(place: int, number: float) -> list[float]:
    """Return a digit's row with another number at a place."""
    return [*ROW[:place], number, *ROW[place + 1 :]]


def header_of(message: Message) -> dict[str, Any]:
    header: dict[str, Any] = msgpack.unpackb(encode([message])[0])
    return header


def test_each_kind_of_message_arrives_as_it_was_sent() -> None:
    assert {type(message) for message in EACH_KIND} == {form.kind for form in codec.FORMATS.values()}
    assert decode(encode(EACH_KIND)) == EACH_KIND


FINGERPRINTS = {1: "3eea4a6ca508c81b"}  # of the fields of all messages, by protocol


def test_change_of_a_message_is_another_protocol() -> None:
    """After a change: raise PROTOCOL, and write its fingerprint here."""
    fields = sorted((form.kind.__name__, form.payload, *form.fields) for form in codec.FORMATS.values())
    assert hashlib.sha256(repr(fields).encode()).hexdigest()[:16] == FINGERPRINTS[codec.PROTOCOL]


@pytest.mark.parametrize(
    ("kind", "protocol"),
    [("0.Frame", "0"), ("2.Frame", "2"), ("2.Secret", "2"), ("Ready", "0"), ("999999.X", "999999")],
)
def test_message_of_another_version_is_told_from_a_malformed_one(kind: str, protocol: str) -> None:
    with pytest.raises(OtherProtocolError, match=rf"\(protocol {protocol}, here 1\): install the same version"):
        decode([msgpack.packb({"kind": kind, "more": "than here"}), b"payload"])


@pytest.mark.parametrize(
    "kind", ["1.Secret", "", "1.", ".Frame", "-1.Frame", "1.2.Frame", "2." + 99 * "x", "1234567.X"]
)
def test_unknown_kind_is_malformed(kind: str) -> None:
    with pytest.raises(MalformedError) as raised:
        decode([msgpack.packb({"kind": kind}), b""])
    assert not isinstance(raised.value, OtherProtocolError)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "1.Secret"),
        ("kind", 3),
        ("camera", ""),
        ("camera", "x" * 65),
        ("camera", "a\nb"),
        ("camera", 7),
        ("seq", -1),
        ("seq", True),
        ("seq", 2**60),
        ("captured_at", math.nan),
        ("captured_at", math.inf),
        ("captured_at", 1),
        ("digits", [[0.0] * 16]),
        ("digits", [[0.0] * 18]),
        ("digits", [[0.0] * 16 + [math.nan]]),
        ("digits", [[0.0] * 16 + [0]]),
        ("digits", [7]),
        ("digits", 7),
        ("captured_at", 1e12),
        ("captured_at", -1e300),
        ("width", 65_536),
        ("height", 2**53 - 1),
        ("width", None),
        ("more", 1),
    ],
)
def test_wrong_field_is_malformed(name: str, value: object) -> None:
    header = header_of(EACH_KIND[5]) | {name: value}
    with pytest.raises(MalformedError):
        decode([msgpack.packb(header), b""])


RANGES = [  # of a number in a row: where it is, the least and the most that is taken, and what is beyond
    *((place, -131_070.0, 131_070.0, 0.5) for place in (0, 1)),
    *((place, 0.0, 131_070.0, 0.5) for place in (2, 3, 15, 16)),
    *((place, -10_000.0, 1e-6, 1e-5) for place in (4, 14)),
]
READING, REPORT, RECORDED = EACH_KIND[5], EACH_KIND[8], EACH_KIND[11]
EDGES: list[tuple[Message, str, Any, Any]] = [  # the last value that is taken, and one beyond
    *(
        (READING, "digits", [with_number(place, most)], [with_number(place, most + by)])
        for place, _, most, by in RANGES
    ),
    *((READING, "digits", [with_number(place, low)], [with_number(place, low - 0.5)]) for place, low, _, _ in RANGES),
    (READING, "digits", [ROW] * 512, [ROW] * 513),
    (READING, "camera", "x" * 64, "x" * 65),
    (READING, "camera", "x", ""),
    (READING, "seq", 2**53 - 1, 2**53),
    (READING, "seq", 0, -1),
    (READING, "width", 65_535, 65_536),
    (READING, "captured_at", 1e9, 1.1e9),
    (READING, "captured_at", -1e9, -1.1e9),
    (TO_FOLLOW, "boxes", [[1.0] * 4] * 512, [[1.0] * 4] * 513),
    (TO_FOLLOW, "weight", 0.1, 0.09),
    (TO_FOLLOW, "weight", 10.0, 10.1),
    (TO_FOLLOW, "max_age_s", 0.0, -0.1),
    (TO_FOLLOW, "max_age_s", 60.0, 60.1),
    (TO_FOLLOW, "sketch", b"x" * 65_536, b"x" * 65_537),
    (FOLLOWED, "moves", [[131_070.0, -131_070.0]], [[131_070.5, 0.0]]),
    (FOLLOWED, "moves", [[0.0, -131_070.0]], [[0.0, -131_070.5]]),
    (FOLLOWED, "moves", [[0.0, 0.0]] * 512, [[0.0, 0.0]] * 513),
    (READY, "credit", 4096, 4097),
    (REPORT, "detail", "x" * 1000, "x" * 1001),
    (REPORT, "ring", "", "x"),
    (REPORT, "ring", "01234567-89abcdef", 7),
    (Pong(1.0, 2.0), "store", "", "x"),
    (Pong(1.0, 2.0), "store", "01234567", 7),
    (RECORDED, "indices", [1] * 256, [1] * 257),
]


@pytest.mark.parametrize(("message", "name", "taken", "refused"), EDGES)
def test_range_of_a_value_ends_where_it_should(message: Message, name: str, taken: object, refused: object) -> None:
    header, payload = encode([message])
    assert decode([msgpack.packb(msgpack.unpackb(header) | {name: taken}), payload])
    with pytest.raises(MalformedError, match=f"wrong {name}"):
        decode([msgpack.packb(msgpack.unpackb(header) | {name: refused}), payload])


@pytest.mark.parametrize(
    ("message", "name", "value"),
    [
        (READY, "credit", 2**53 - 1),
        (Credit("demo", 8), "frames", 2**53 - 1),
        (EACH_KIND[1], "rows", 2**53 - 1),
        (CameraReport(camera="demo", state=CameraState.LIVE, detail="", began_at=1.0), "began_at", 1e300),
        (Ping(1.0), "sent_at", -1e12),
        (Pong(1.0, 2.0), "queue_at", 1e12),
        (VIEW, "position", ["0123456789abcdef", -1]),
        (VIEW, "position", ["0123456789abcdef", 2**53]),
        (VIEW, "position", ["0123456789ABCDEF", 1]),
        (VIEW, "position", ["0123456789abcdef"]),
        (VIEW, "position", "0123456789abcdef"),
        (Recorded("demo", "0123456789abcdef", ()), "stamp", "film"),
        (Recorded("demo", "0123456789abcdef", ()), "indices", 7),
        (Recorded("demo", "0123456789abcdef", ()), "indices", [1, True]),
        (Recorded("demo", "0123456789abcdef", ()), "indices", [1] * (message_fields.MAX_INDICES + 1)),
        (TO_FOLLOW, "read_seq", -1),
        (VIEW, "passed_over", [1, 2]),
        (VIEW, "passed_over", [1, 2, -3]),
        (VIEW, "passed_over", None),
        (Selection(), "pictures", "demo"),
        (Selection(), "pictures", [7]),
        (Selection(), "cameras", ["x"] * (message_fields.MAX_SELECTED + 1)),
        (Selection(), "interval_s", math.nan),
    ],
)
def test_value_that_nothing_can_bear_is_malformed(message: Message, name: str, value: object) -> None:
    header, payload = encode([message])
    with pytest.raises(MalformedError, match=f"wrong {name}"):
        decode([msgpack.packb(msgpack.unpackb(header) | {name: value}), payload])


@pytest.mark.parametrize(
    ("message", "name", "value"),
    [
        *((FOLLOWED, "moves", moves) for moves in ([[1.0]], [[1.0, math.nan]], [[1, 2]], [[1e300, 0.0]], [1.0], None)),
        (FOLLOWED, "moves", [[0.0, 0.0]] * (message_fields.MAX_DIGITS + 1)),
        *((TO_FOLLOW, "boxes", boxes) for boxes in ([[1.0] * 3], [[0.0, 0.0, -1.0, 1.0]], [[math.inf] * 4], "box")),
        (TO_FOLLOW, "boxes", [[1.0] * 4] * (message_fields.MAX_DIGITS + 1)),
    ],
)
def test_wrong_places_of_digits_are_malformed(message: Message, name: str, value: object) -> None:
    header = header_of(message) | {name: value}
    with pytest.raises(MalformedError, match=f"wrong {name}"):
        decode([msgpack.packb(header), encode([message])[1]])


TICKET = Ticket("01234567-89abcdef", 0, 1, 100)
STORED = Frame(camera="demo", seq=1, captured_at=2.5, every_frame=False, jpeg=b"", ticket=TICKET)


@pytest.mark.parametrize("slot", [0, SLOTS - 1])
def test_ticket_of_a_frame_in_memory_arrives(slot: int) -> None:
    stored = replace(STORED, ticket=TICKET._replace(slot=slot))
    assert decode(encode([stored])) == [stored]


def test_gray_frame_lies_in_memory_or_in_its_message() -> None:
    gray = GrayFrame(camera="demo", seq=1, captured_at=2.5, width=6, height=4, rows=2, columns=3, pixels=b"123456")
    stored = replace(gray, pixels=b"", ticket=TICKET)
    assert decode(encode([stored])) == [stored]
    with pytest.raises(MalformedError, match="has 6 pixels"):
        decode(encode([replace(gray, ticket=TICKET)]))


@pytest.mark.parametrize(
    "ticket",
    [
        *("01234567-89abcdef", [], [*TICKET, 1], list(TICKET[:3])),
        *([ring, *TICKET[1:]] for ring in ("../../../etc/x", "01234567-89abcde", "01234567-89abcdef/..", 7, None)),
        *([TICKET.ring, slot, 1, 100] for slot in (-1, SLOTS, True, 0.0)),
        *([TICKET.ring, 0, generation, 100] for generation in (0, -1, 2**64 - 1, 1.0)),
        *([TICKET.ring, 0, 1, size] for size in (0, -1, JPEG_BYTES + 1, None)),
    ],
    ids=str,
)
def test_ticket_that_names_no_place_is_malformed(ticket: object) -> None:
    header = header_of(STORED) | {"ticket": ticket}
    with pytest.raises(MalformedError, match="wrong ticket"):
        decode([msgpack.packb(header), b""])


@pytest.mark.parametrize("value", ["capture", "Inference", "", 3, None, []])
def test_role_that_asks_for_no_frames_is_malformed(value: object) -> None:
    header = header_of(READY) | {"role": value}
    with pytest.raises(MalformedError, match="wrong role"):
        decode([msgpack.packb(header), b""])


def test_field_with_its_default_need_not_be_in_the_header() -> None:
    assert header_of(EACH_KIND[0]).keys() == {"kind", "camera", "seq", "captured_at", "every_frame"}
    complete = header_of(EACH_KIND[0]) | {"gate": "open", "boxes": [], "weight": 1.0, "ticket": None}
    assert decode([msgpack.packb(complete), EACH_KIND[0].jpeg]) == [EACH_KIND[0]]  # type: ignore[union-attr]


def test_missing_field_is_malformed() -> None:
    header = header_of(EACH_KIND[5])
    del header["seq"]
    with pytest.raises(MalformedError, match="fields"):
        decode([msgpack.packb(header), b""])


def test_unexpected_payload_is_malformed() -> None:
    with pytest.raises(MalformedError, match="payload"):
        decode([encode([Ping(1.0)])[0], b"x"])


@pytest.mark.parametrize("rows", [0, 4])
def test_gray_frame_whose_pixels_are_not_a_rectangle_is_malformed(rows: int) -> None:
    header = header_of(EACH_KIND[1]) | {"rows": rows}
    with pytest.raises(MalformedError, match="pixels"):
        decode([msgpack.packb(header), b"123456"])


@pytest.mark.parametrize("parts", [[], [b"x"], [b"x"] * 3, [b""] * 514])
def test_parts_that_are_not_pairs_are_malformed(parts: list[bytes]) -> None:
    with pytest.raises(MalformedError, match="parts"):
        decode(parts)


def test_as_many_messages_as_are_allowed_arrive() -> None:
    assert len(decode(encode([Ping(1.0)]) * 256)) == 256


def test_frame_is_an_ordinary_one_unless_it_says_otherwise() -> None:
    frame = Frame(camera="demo", seq=1, captured_at=2.5, every_frame=False, jpeg=b"jpeg")
    assert (frame.gate, frame.weight, frame.max_age_s, frame.bare_ones) == (Gate.OPEN, 1.0, 0.0, False)
    gray_frame = GrayFrame(camera="a", seq=1, captured_at=2.5, width=6, height=4, rows=1, columns=1, pixels=b"1")
    assert not gray_frame.bare_ones


def test_oversized_payload_is_malformed() -> None:
    with pytest.raises(MalformedError, match="too large"):
        decode([encode([EACH_KIND[0]])[0], bytes(16 * 1024 * 1024 + 1)])
    assert decode([encode([EACH_KIND[0]])[0], bytes(16 * 1024 * 1024)])


def test_oversized_header_is_malformed_before_it_is_parsed() -> None:
    with pytest.raises(MalformedError, match="too large"):
        decode([b"\x93" * (256 * 1024 + 1), b""])
    with pytest.raises(MalformedError, match="not msgpack"):
        decode([b"\x93" * (256 * 1024), b""])


@given(st.binary(max_size=200), st.binary(max_size=10))
def test_no_bytes_break_the_decoder(header: bytes, payload: bytes) -> None:
    with pytest.raises(MalformedError):
        decode([header, payload])


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=3)


@given(st.sampled_from(EACH_KIND), st.data())
def test_no_header_breaks_the_decoder(message: Message, data: st.DataObject) -> None:
    """Its fields are those of its kind, some with another value, so that each check is reached."""
    header, payload = encode([message])
    fields: dict[str, Any] = msgpack.unpackb(header)
    spoiled = data.draw(st.dictionaries(st.sampled_from(sorted(fields)), SCALARS | st.lists(SCALARS), max_size=3))
    with suppress(MalformedError):  # a header that passes all checks is a message
        assert decode([msgpack.packb(fields | spoiled), payload])


def test_headers_of_one_send_are_bounded_as_a_whole() -> None:
    """Each of them may be right, and all of them would keep the queue busy for a second."""
    digits = (SEVEN,) * message_fields.MAX_DIGITS
    header, payload = encode([Reading(camera="demo", seq=1, captured_at=2.5, width=640, height=480, digits=digits)])
    assert 128 * len(header) <= codec.MAX_HEADERS_BYTES  # the largest batch
    with pytest.raises(MalformedError, match=r"headers of \d+ bytes in one send are too large"):
        decode([header, payload] * codec.MAX_MESSAGES)
