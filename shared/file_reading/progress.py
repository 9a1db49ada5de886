"""How far each file has been read with EVERY_FRAME, in RUN_DIR/progress: a small file for each camera.

A file that was read to its end stays ended until it changes, or until somebody asks to read it again.
"""

import hashlib
import json
import secrets
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.cameras.file_types import find_media_files
from shared.messaging.message_fields import STAMP
from shared.state_files import read_state, set_aside, write_state

FOLDER = "progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProgress:
    """How far a file has been read."""

    camera: str
    path: str
    stamp: str
    recorded: int = 0  # every frame before this index has ended, and a display has recorded how
    frames: int | None = None  # in the whole file; None until its end was reached

    @property
    def is_ended(self) -> bool:
        """Whether every frame has ended."""
        return self.frames is not None and self.recorded >= self.frames


def make_stamp(path: Path, request: str = "") -> str:
    """Return a stamp of a file or folder: of the path, size and mtime of each file in it. Raises OSError."""
    files = find_media_files(path) if path.is_dir() else [path]
    facts = [(str(file.absolute()), (found := file.stat()).st_size, found.st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps([facts, request]).encode()).hexdigest()[:16]


def load_progress(run_dir: Path, camera: str) -> FileProgress | None:
    """Return a camera's progress; None if there is none. A damaged file is set aside."""
    return _load(progress_path(run_dir, camera))


def list_progress(run_dir: Path) -> Iterator[FileProgress]:
    """Yield the progress of every file, by camera."""
    for path in sorted((run_dir / FOLDER).glob("*.json")):
        if progress := _load(path):
            yield progress


def _load(path: Path) -> FileProgress | None:
    try:
        return parse_progress(json.loads(read_state(path)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError, OSError) as error:
        set_aside(path if path.parent.is_dir() else path.parent, error)
        return None


def parse_progress(values: object) -> FileProgress:
    """Return the progress that a file holds. Raises ValueError, TypeError or KeyError if it is not one."""
    if not isinstance(values, dict):
        raise TypeError("not a JSON object")
    progress = FileProgress(**values)
    texts = (progress.camera, progress.path, progress.stamp)
    counts = [progress.recorded, *([] if progress.frames is None else [progress.frames])]
    if not all(isinstance(text, str) for text in texts) or not STAMP.fullmatch(progress.stamp):
        raise ValueError("a text is wrong")
    if not all(type(count) is int and 0 <= count < 2**53 for count in counts):
        raise ValueError("a count is wrong")
    return progress


def save_progress(run_dir: Path, progress: FileProgress) -> None:
    """Replace a camera's file atomically. Raises OSError."""
    write_state(progress_path(run_dir, progress.camera), json.dumps(asdict(progress)))


def progress_path(run_dir: Path, camera: str) -> Path:
    """Return the path of a camera's file; names that no file can have get a number."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in camera)
    return run_dir / FOLDER / (f"{safe}.json" if safe == camera else f"{safe}.{zlib.crc32(camera.encode()):08x}.json")


def request_again(run_dir: Path, camera: str) -> None:
    """Ask to read a camera's file again from its start. Raises OSError."""
    write_state(request_path(run_dir, camera), secrets.token_hex(8))


def find_request(run_dir: Path, camera: str) -> str:
    """Return the last request to read a camera's file again; "" if there was none."""
    try:
        return read_state(request_path(run_dir, camera)).decode()[:64]
    except (OSError, ValueError):
        return ""


def request_path(run_dir: Path, camera: str) -> Path:
    return progress_path(run_dir, camera).with_suffix(".again")
