"""digitcam files: which pictures of files were read with EVERY_FRAME, and which were not."""

import argparse
import json
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from digitcam.file_summary import FileSummary, UnreadFrame, summarize_files
from shared.file_reading.progress import request_again
from shared.settings import ConfigError, load_settings


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 1 unless every picture was read. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        "digitcam files",
        description="List how far files are read with EVERY_FRAME, and which of their pictures were not read. "
        "The exit code is 0 if every picture was read.",
    )
    parser.add_argument("camera", nargs="*", metavar="CAMERA", help="only these cameras (default: all that are files)")
    parser.add_argument("--again", action="store_true", help="read the files of these cameras again from their start")
    parser.add_argument("--json", action="store_true", help="print one JSON object a file")
    parsed = parser.parse_args(arguments)
    if parsed.again and not parsed.camera:
        parser.error("--again needs the name of a camera")
    run_dir = load_settings().run_dir
    files = find_files(run_dir, parsed.camera)
    if parsed.again:
        for file in files:
            request_again(run_dir, file.progress.camera)
            print(f"{file.progress.camera} is read again from its start, now or when the pipeline runs.")
        return 0
    for file in files:
        print(json.dumps(to_json(file)) if parsed.json else format_file(file))
    if not files and not parsed.json:
        print(f"No file has been read with EVERY_FRAME=true in RUN_DIR={run_dir}.")
    return 0 if all(file.is_complete for file in files) else 1


def find_files(run_dir: Path, cameras: Collection[str]) -> list[FileSummary]:
    """Return the summaries of the files of these cameras, or of all. Raises ConfigError."""
    try:
        found = list(summarize_files(run_dir))
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"what was read can't be found in RUN_DIR={run_dir} ({error}).") from error
    known = {file.progress.camera for file in found}
    if missing := sorted(set(cameras) - known):
        known_names = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"no file of {', '.join(missing)} has been read in RUN_DIR={run_dir} (known: {known_names}).")
    return [file for file in found if not cameras or file.progress.camera in cameras]


def format_file(file: FileSummary) -> str:
    """Return a line for a file, and one for each picture that was not read."""
    progress = file.progress
    state = f"ended, {progress.frames} pictures" if progress.is_ended else "not read to its end yet"
    head = f"{progress.camera}: {state}, {file.read} read, {len(file.unread)} not read ({progress.path})"
    return "\n".join([head, *(f"  {describe_frame(frame)}" for frame in file.unread)])


def describe_frame(frame: UnreadFrame) -> str:
    return "  ".join(filter(None, [f"{frame.index:6}", frame.name, frame.reason]))


def to_json(file: FileSummary) -> dict[str, Any]:
    """Return the JSON object of a file."""
    progress = file.progress
    return {
        "camera": progress.camera,
        "path": progress.path,
        "stamp": progress.stamp,
        "ended": progress.is_ended,
        "frames": progress.frames,
        "read": file.read,
        "not_read": [{"index": frame.index, "name": frame.name, "reason": frame.reason} for frame in file.unread],
    }
