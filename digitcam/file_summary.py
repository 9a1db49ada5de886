"""Which frames of which files were read with EVERY_FRAME, and which were not: from what is kept in RUN_DIR."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.cameras.file_types import find_images
from shared.file_reading.frame_records import FrameRecords
from shared.file_reading.progress import FileProgress, find_request, list_progress, make_stamp

NO_RECORD = "not recorded"  # it has ended, but the record was lost


@dataclass(frozen=True, slots=True)
class UnreadFrame:
    """A frame without a reading."""

    index: int
    name: str  # of its file in a folder, else empty
    reason: str  # a DropReason, or NO_RECORD


@dataclass(frozen=True, slots=True)
class FileSummary:
    """How far a file has been read."""

    progress: FileProgress
    read: int
    unread: list[UnreadFrame]  # of those that have ended

    @property
    def is_complete(self) -> bool:
        """Whether every frame has been read."""
        return self.progress.is_ended and not self.unread


def summarize_files(run_dir: Path) -> Iterator[FileSummary]:
    """Yield a summary of each camera's file. Raises sqlite3.Error."""
    records = FrameRecords(run_dir)
    try:
        for progress in list_progress(run_dir):
            yield summarize_file(run_dir, progress, records)
    finally:
        records.close()


def summarize_file(run_dir: Path, progress: FileProgress, records: FrameRecords) -> FileSummary:
    """Return the summary of a file. Raises sqlite3.Error."""
    outcomes = dict(records.list_outcomes(progress.camera, progress.stamp))
    reasons = {index: outcome.value for index, outcome in outcomes.items() if not outcome.has_reading}
    read = len(outcomes) - len(reasons)
    reasons |= dict.fromkeys(set(range(progress.recorded)) - outcomes.keys(), NO_RECORD)
    names = name_frames(run_dir, progress) if reasons else []
    unread = [
        UnreadFrame(index, names[index] if index < len(names) else "", reason)
        for index, reason in sorted(reasons.items())
    ]
    return FileSummary(progress, read, unread)


def name_frames(run_dir: Path, progress: FileProgress) -> list[str]:
    """Return the name of each picture of a folder; nothing for another file, or a folder that has changed."""
    folder = Path(progress.path)
    if not folder.is_dir() or make_stamp(folder, find_request(run_dir, progress.camera)) != progress.stamp:
        return []
    return [str(path.relative_to(folder)) for path in find_images(folder)]
