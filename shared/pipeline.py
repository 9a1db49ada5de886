"""The pipeline as one table: its stages, what each consumes and produces, and how frames end.

The names of stages, outcomes and reasons are defined here only. Every value is a string on the wire, in metrics
and in log lines. The supervisor behind each line of the Procfile imports this file, so it imports nothing that costs
memory or time.
"""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """A line of the Procfile."""

    CAPTURE = "capture"
    QUEUE = "queue"
    PREPROCESS = "preprocess"
    INFERENCE = "inference"
    DISPLAY = "display"
    PROMETHEUS = "prometheus"


class DropReason(StrEnum):
    """Why a frame ended without a reading."""

    REPLACED = "replaced"  # a newer frame of its camera took its place
    STALE = "stale"  # older than MAX_AGE_S
    MALFORMED = "malformed"  # not a JPEG
    TOO_LARGE = "too large"  # too many pixels
    TOO_COSTLY = "too costly"  # decoding would take time that other cameras need
    WORKER_LOST = "worker lost"  # its worker ended or fell silent
    NO_QUEUE = "no queue"  # capture could not reach the queue


class Outcome(StrEnum):
    """How a frame ended: with a reading, or dropped for a reason."""

    READ = "read"
    UNCHANGED = "unchanged"  # with the reading of an earlier frame that looks the same
    FOLLOWED = "followed"  # with the digits of an earlier reading where they are now: it was not read
    REPLACED = DropReason.REPLACED
    STALE = DropReason.STALE
    MALFORMED = DropReason.MALFORMED
    TOO_LARGE = DropReason.TOO_LARGE
    TOO_COSTLY = DropReason.TOO_COSTLY
    WORKER_LOST = DropReason.WORKER_LOST
    NO_QUEUE = DropReason.NO_QUEUE

    @property
    def has_reading(self) -> bool:
        """Whether the frame ended with a reading."""
        return self in {Outcome.READ, Outcome.UNCHANGED}

    @property
    def has_digits(self) -> bool:
        """Whether the places of the digits are known: the frame was not dropped."""
        return self.has_reading or self is Outcome.FOLLOWED


class Gate(StrEnum):
    """What preprocess does with a frame."""

    OPEN = "open"  # make a gray frame
    COMPARE = "compare"  # make one, with a sketch if it differs from the reference
    SKIP = "skip"  # make one only if it differs from the reference
    FOLLOW = "follow"  # make one only if the digits of an earlier frame cannot be followed


class BatchReason(StrEnum):
    """Why a batch is not larger."""

    FULL = "full"  # as many frames as its worker takes
    DRAINED = "drained"  # nothing more waited for this worker


class CameraState(StrEnum):
    """The state of a camera."""

    CONNECTING = "connecting"
    LIVE = "live"
    FROZEN = "frozen"  # it repeats one picture
    BLOCKED = "blocked"  # it is open and gives no pictures
    ABSENT = "absent"  # it cannot be opened
    ENDED = "ended"  # a file that was read to its end
    DOWN = "down"  # its capture process is silent
    UNREACHABLE = "unreachable"  # the queue of its cell does not answer the display, so nothing is known of it
    LEFT = "left"  # it was taken off the list


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """A row of the table. Messages are named by their classes in shared/messaging/messages.py."""

    stage: Stage
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    is_scalable: bool = False  # honcho start -c inference=2
    drop_reasons: tuple[DropReason, ...] = ()


PIPELINE = (
    StageSpec(
        stage=Stage.CAPTURE,
        consumes=("Recorded",),
        produces=("Frame", "CameraReport"),
        drop_reasons=(DropReason.REPLACED, DropReason.TOO_COSTLY, DropReason.NO_QUEUE),
    ),
    StageSpec(
        stage=Stage.QUEUE,
        consumes=("Frame", "GrayFrame", "Unchanged", "Followed", "Refusal", "Reading", "CameraReport", "Recorded"),
        produces=("Frame", "GrayFrame", "View", "CameraReport", "Recorded"),
    ),
    StageSpec(
        stage=Stage.PREPROCESS,
        consumes=("Frame",),
        produces=("GrayFrame", "Unchanged", "Followed", "Refusal"),
        is_scalable=True,
        drop_reasons=(
            DropReason.REPLACED,
            DropReason.STALE,
            DropReason.MALFORMED,
            DropReason.TOO_LARGE,
            DropReason.TOO_COSTLY,
            DropReason.WORKER_LOST,
        ),
    ),
    StageSpec(
        stage=Stage.INFERENCE,
        consumes=("GrayFrame",),
        produces=("Reading", "Refusal"),
        is_scalable=True,
        drop_reasons=(DropReason.REPLACED, DropReason.STALE, DropReason.WORKER_LOST),
    ),
    StageSpec(stage=Stage.DISPLAY, consumes=("View", "CameraReport"), produces=("Recorded",)),
    StageSpec(stage=Stage.PROMETHEUS),
)

FRAME_STAGES = tuple(row.stage for row in PIPELINE if row.consumes or row.produces)
WORKER_STAGES = tuple(row.stage for row in PIPELINE if row.is_scalable)
DROP_REASONS = {row.stage: row.drop_reasons for row in PIPELINE}
