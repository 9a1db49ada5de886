"""Every message between processes. Their bytes are codec.py's, and what each field may hold message_fields.py's."""

from dataclasses import dataclass
from typing import NamedTuple

from shared.messaging.frame_store import Ticket
from shared.pipeline import CameraState, DropReason, Gate, Outcome, Stage
from shared.vision.digit import Box, Digit, Move


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
