"""What each field of a message may hold: it is checked before a message is built from it."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

from shared.messaging.frame_store import JPEG_BYTES, RING_NAME, SLOTS, STORE_NAME, Ticket
from shared.messaging.messages import NONE_PASSED, FilePosition, PassedOver
from shared.pipeline import WORKER_STAGES, CameraState, DropReason, Gate, Outcome, Stage
from shared.vision.digit import ROW_BOX, ROW_LENGTH, ROW_LOG_P, ROW_PAPER, Digit

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


@dataclass(frozen=True, slots=True)
class FieldFormat:
    """How a field of a header is checked, and what it is converted to if msgpack has no such type."""

    is_valid: Callable[[Any], bool]
    convert: Callable[[Any], Any] | None = None


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
