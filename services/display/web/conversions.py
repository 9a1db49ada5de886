"""Converts the display's state to the types of the API."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from services.display.display_state import DisplayFrame
from services.display.fan_in import CellStatus, split_name
from services.display.web.event_store import Event
from services.display.web.schema import (
    Box,
    CameraChange,
    CameraInfo,
    CellInfo,
    DigitInfo,
    EventInfo,
    GuessInfo,
    Model,
    NumberInfo,
    ReadingInfo,
    to_timestamp,
)
from services.display.web.state import CameraView, DashboardState
from shared.file_reading.frame_records import FrameRecord
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.vision import digit as vision
from shared.vision.numbers import join_numbers

GUESSES = 3


def camera_info(name: str, camera: CameraView, state: DashboardState, *, is_added: bool) -> CameraInfo:
    """Return a camera's state and rates; is_added: through the API, not by CAMERAS."""
    frame, last = camera.frame, camera.state
    return CameraInfo(
        name=name,
        state=last.state if last else CameraState.CONNECTING,
        detail=last.detail if last else "",
        since=to_timestamp(state.wall_time(last.began_at)) if last else None,
        fps=round(frame.fps, 1) if frame else 0.0,
        readings_per_s=round(frame.readings_per_s, 1) if frame else 0.0,
        followed_per_s=round(frame.followed_per_s, 1) if frame else 0.0,
        age_s=round(state.age_s(frame.captured_at), 4) if frame else None,
        added=is_added,
    )


def cell_info(cell: CellStatus, state: DashboardState) -> CellInfo:
    """Return whether a cell answers, and how many cameras it has."""
    reports = [camera.state for name, camera in state.cameras.items() if split_name(name)[0] == cell.name]
    return CellInfo(
        name=cell.name,
        up=cell.is_up,
        since=to_timestamp(state.wall_time(cell.since)),
        cameras=len(reports),
        live=sum(report is not None and report.state is CameraState.LIVE for report in reports),
    )


def camera_change(change: CameraReport, state: DashboardState) -> CameraChange:
    """Return a camera's change of state."""
    since = to_timestamp(state.wall_time(change.began_at))
    return CameraChange(name=change.camera, state=change.state, detail=change.detail, since=since)


def reading_info(frame: DisplayFrame, state: DashboardState) -> ReadingInfo:
    """Return the reading of a frame."""
    captured_at = to_timestamp(state.wall_time(frame.captured_at))
    index, stamp = (frame.position.index, frame.position.stamp) if frame.position else (None, None)
    fields = frame_fields(frame, state.age_s(frame.captured_at))
    return ReadingInfo(**fields, captured_at=captured_at, index=index, stamp=stamp)


def record_info(record: FrameRecord, state: DashboardState) -> ReadingInfo:
    """Return the reading of a frame of a file, as it was recorded."""
    camera = state.cameras.get(record.camera)
    shown = camera.frame if camera else None
    return ReadingInfo(
        camera=record.camera,
        seq=record.seq,
        age_s=round(max(0.0, state.wall_now() - record.captured_at), 4),
        outcome=record.outcome,
        width=record.width,
        height=record.height,
        digits=digit_infos(record.digits),
        numbers=number_infos(join_numbers(record.digits)),
        fps=round(shown.fps, 1) if shown else 0.0,
        readings_per_s=round(shown.readings_per_s, 1) if shown else 0.0,
        followed_per_s=0.0,
        captured_at=to_timestamp(record.captured_at),
        index=record.position.index,
        stamp=record.position.stamp,
    )


def frame_fields(frame: DisplayFrame, age_s: float) -> dict[str, Any]:
    """Return the fields of schema.FrameFields."""
    return {
        "camera": frame.camera,
        "seq": frame.seq,
        "age_s": round(age_s, 4),
        "outcome": frame.outcome,
        "width": frame.width,
        "height": frame.height,
        "digits": digit_infos(frame.digits),
        "numbers": number_infos(frame.numbers),
        "fps": round(frame.fps, 1),
        "readings_per_s": round(frame.readings_per_s, 1),
        "followed_per_s": round(frame.followed_per_s, 1),
    }


def digit_infos(digits: Sequence[vision.Digit]) -> list[DigitInfo]:
    return [
        DigitInfo(digit=d.digit, confidence=round(d.confidence, 4), box=whole_pixels(d.box), guesses=guess_infos(d))
        for d in digits
    ]


def number_infos(numbers: Sequence[vision.Number]) -> list[NumberInfo]:
    return [
        NumberInfo(
            text=n.text,
            confidence=round(n.confidence, 4),
            box=whole_pixels(n.box),
            unread=[whole_pixels(place) for place in n.unread],
        )
        for n in numbers
    ]


def guess_infos(digit: vision.Digit) -> list[GuessInfo]:
    """Return the most probable readings of a digit, the best first."""
    best = sorted(range(vision.NOT_A_DIGIT), key=digit.log_p.__getitem__, reverse=True)[:GUESSES]
    return [GuessInfo(digit=each, confidence=round(math.exp(digit.log_p[each]), 4)) for each in best]


def event_info(event: Event) -> EventInfo:
    """Return a stored event."""
    return EventInfo(
        id=event.id,
        camera=event.camera,
        number=event.number,
        appeared_at=to_timestamp(event.appeared_at),
        left_at=None if event.left_at is None else to_timestamp(event.left_at),
        confidence=round(event.confidence, 4),
    )


def encode_update(kind: str, info: Model) -> bytes:
    """Return JSON of an update with its kind, as the WebSocket and the webhook send it."""
    return msgspec.json.encode({"kind": kind, **msgspec.structs.asdict(info)})


def whole_pixels(box: vision.Box) -> Box:
    """Return a box in whole pixels; browsers draw it no finer."""
    x, y, width, height = map(round, box)
    return x, y, width, height
