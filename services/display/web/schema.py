"""The types of the API. Request checks, the OpenAPI document and /api/docs all follow from them.

Times in responses are ISO 8601 in UTC; boxes are x, y, width, height in pixels of the picture.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from services.display.events import EventKind
from shared.cameras.added_cameras import DOCUMENTED_PATTERN
from shared.pipeline import CameraState, Outcome
from shared.settings import NAME_PATTERN
from shared.vision.corrections import MAX_ID

MAX_PX = 100_000
MAX_EVENTS = 1000  # in one response
MAX_CORRECTIONS = 100  # in one response: 60 kB
MAX_RECORDING_S = 300

Label = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "none"]
LABELS: tuple[Label, ...] = get_args(Label)  # by class number; the last is "not a digit"

NAME_LENGTH = 97  # of a camera: 64 characters in its cell, and 33 of cell/
CameraName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NAME_LENGTH,
        pattern="^.+$",  # also with a slash in an address
        description="cell/name if the display shows several cells",
    ),
]
NewCameraName = Annotated[
    str, Meta(extra_json_schema={"pattern": f"^{NAME_PATTERN}$"})
]  # shared/cameras/added_cameras.py checks it
RECORDING_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9-]{1,40}")
RecordingId = Annotated[str, Meta(pattern=f"^{RECORDING_ID.pattern}$")]
RecordId = Annotated[str, Meta(pattern=r"^(0|[0-9a-f]{8}-[0-9]{1,16})$")]
RowId = Annotated[int, Meta(ge=0, le=MAX_ID)]
NUMBER = re.compile(r"[0-9?]{1,64}")
NumberText = Annotated[
    str,
    Meta(
        pattern=f"^{NUMBER.pattern}$",
        description="0 to 9; a ? stands for a character between two digits that was not read",
    ),
]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
FollowedRate = Annotated[float, Meta(ge=0, description="frames in which the digits of a reading were found again")]
DataUrl = Annotated[str, Meta(description="a PNG or JPEG as a data: URL")]
Pixels = Annotated[float, Meta(ge=0, le=MAX_PX)]
Box = tuple[int, int, int, int]


class Model(Struct, forbid_unknown_fields=True):
    """A JSON object with exactly these fields."""


class ErrorInfo(Model):
    error: str


# Requests


class NoQuery(Model):
    pass


class CameraQuery(Model):
    camera: Annotated[CameraName | None, Meta(description="only this camera")] = None


class StreamQuery(CameraQuery):
    after: Annotated[
        RecordId | None,
        Meta(description="the id of the last reading of a file that you have: those after it come first"),
    ] = None


class EventsQuery(Model):
    camera: Annotated[CameraName | None, Meta(description="only this camera")] = None
    number: Annotated[NumberText | None, Meta(description="only this number")] = None
    since: Annotated[Moment | None, Meta(description="appeared at this time or later")] = None
    until: Annotated[Moment | None, Meta(description="appeared before this time")] = None
    before: Annotated[RowId | None, Meta(description="older than this id: `next` of the last response")] = None
    limit: Annotated[int, Meta(ge=1, le=MAX_EVENTS, description="at most this many")] = 100


class CorrectionsQuery(Model):
    before: Annotated[RowId | None, Meta(description="older than this id: `next` of the last response")] = None
    limit: Annotated[int, Meta(ge=1, le=MAX_CORRECTIONS, description="at most this many")] = MAX_CORRECTIONS


class SnapshotQuery(Model):
    plain: Annotated[bool, Meta(description="without the reading drawn on it")] = False


class PlaceQuery(Model):
    x: Annotated[Pixels, Meta(description="from the picture's left edge")]
    y: Annotated[Pixels, Meta(description="from the picture's upper edge")]


class NewCamera(Model):
    source: Annotated[
        str,
        Meta(
            description="rtsp://..., http://... or demo; options such as #rotate=180 may follow",
            extra_json_schema={"pattern": f"^{DOCUMENTED_PATTERN}$"},
        ),
    ]


class NewCorrection(Model):
    crop_id: Annotated[RowId, Meta(description="`crop_id` of an explanation")]
    label: Label


class NewRecording(Model):
    camera: CameraName
    seconds: Annotated[int, Meta(ge=1, le=MAX_RECORDING_S)]


# Responses


class CameraInfo(Model):
    name: str
    state: CameraState
    detail: str
    since: Timestamp | None
    fps: Amount
    readings_per_s: Amount
    followed_per_s: FollowedRate
    age_s: Amount | None
    added: Annotated[bool, Meta(description="through this API, not by CAMERAS")]


class CameraList(Model):
    cameras: list[CameraInfo]


class CellInfo(Model):
    name: str
    up: Annotated[bool, Meta(description="whether its queue answers")]
    since: Timestamp
    cameras: Count
    live: Annotated[Count, Meta(description="how many of its cameras give new frames")]


class CellList(Model):
    cells: list[CellInfo]


class CameraChange(Model):
    name: str
    state: CameraState
    detail: str
    since: Timestamp


class GuessInfo(Model):
    digit: int
    confidence: Share


class DigitInfo(Model):
    digit: int
    confidence: Share
    box: Box
    guesses: Annotated[list[GuessInfo], Meta(description="the three most probable digits, the best first")]


class NumberInfo(Model):
    text: NumberText
    confidence: Share
    box: Box
    unread: Annotated[list[Box], Meta(description="the place of each ? in the text")]


class FrameFields(Model):
    """The fields of a frame that the API and the live view share."""

    camera: str
    seq: Count
    age_s: float
    outcome: Outcome
    width: Count
    height: Count
    digits: list[DigitInfo]
    numbers: list[NumberInfo]
    fps: Amount
    readings_per_s: Amount
    followed_per_s: FollowedRate


class ReadingInfo(FrameFields):
    captured_at: Timestamp
    index: Annotated[Count | None, Meta(description="of a file that is read once: which frame; the first has 0")]
    stamp: Annotated[str | None, Meta(description="of that file; another one when the file has changed")]


class ReadingList(Model):
    readings: list[ReadingInfo]


class EventInfo(Model):
    id: Count
    camera: str
    number: NumberText
    appeared_at: Timestamp
    left_at: Timestamp | None
    confidence: Share


class EventList(Model):
    events: list[EventInfo]
    next: Annotated[int | None, Meta(description="the `before` that gives the events before these")]


class RefusedEvent(Model):
    kind: EventKind
    problem: str
    event: EventInfo


class WebhookInfo(Model):
    waiting: Annotated[Count, Meta(description="events that its receiver will get")]
    problem: Annotated[str | None, Meta(description="why it does not get the next one yet")]
    refused: Annotated[Count, Meta(description="events that it refused as invalid; they are not posted again")]
    refused_events: Annotated[list[RefusedEvent], Meta(description="the newest 100 of them")]


class StageInfo(Model):
    name: str
    workers: Count
    frames_per_s: Amount
    age_p50_s: Amount | None
    age_p99_s: Amount | None
    batch: Amount | None
    busy: Amount | None
    waiting: Amount | None
    drops_per_s: Amount | None


class StageList(Model):
    stages: list[StageInfo]


class RecordingInfo(Model):
    id: str
    state: Literal["running", "complete"]
    started_at: Timestamp
    bytes: Count
    url: str


class RecordingList(Model):
    recordings: list[RecordingInfo]


class EvidenceInfo(Model):
    """Probabilities of 0 to 9, then of "not a digit", which the detector does not know."""

    detector: list[Share]
    classifier: list[Share]
    fused: list[Share]


class LayerInfo(Model):
    kind: str
    shape: list[Count]
    picture: DataUrl


class RecognizerInfo(Model):
    version: str
    is_finetuned: Annotated[bool, Meta(description="by `digitcam learn`")]


class ExplanationInfo(Model):
    sentences: list[str]
    is_digit: Annotated[bool, Meta(description="part of the reading")]
    box: tuple[float, float, float, float] | None
    evidence: EvidenceInfo
    crop: DataUrl | None
    crop_id: Annotated[int | None, Meta(description="names the crop in a correction")]
    classifier_input: DataUrl | None
    heatmap: DataUrl
    layers: list[LayerInfo]
    recognizer: RecognizerInfo
    width: Count
    height: Count


class CorrectionInfo(Model):
    id: Count
    camera: str
    at: Timestamp
    label: Label
    read_as: Label
    image: DataUrl


class CorrectionList(Model):
    corrections: list[CorrectionInfo]
    next: Annotated[int | None, Meta(description="the `before` that gives the corrections before these")]


Document = dict[str, Any]  # OpenAPI


def to_timestamp(at: float) -> str:
    """Return seconds since 1970 in ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
