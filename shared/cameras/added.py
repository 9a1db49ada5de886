"""Cameras that were added on the page: they are kept in RUN_DIR, beside CAMERAS, which the page can't change.

Only what has an address of its own may come this way: whoever has the page's token must not see this machine's files
or switch on its webcams (docs/decisions/0010).
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from shared.cameras.camera_list import Camera, parse_cameras
from shared.settings import ConfigError

FILE = "cameras.json"  # {"hall": "rtsp://..."}
MOST_ADDED = 16  # a process of 60 MB each
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,30}[A-Za-z0-9])?"
# no white space, which could forge a line of a log, and no hash: behind it stand options in CAMERAS
SOURCE = r"demo|(?:rtsp|http)s?://[!$-~]{1,1000}"
WRONG_NAME = "a camera's name is 1 to 32 letters, digits, dots and hyphens, the last two not at its ends"
WRONG_SOURCE = (
    "source is rtsp://... or http://... (MJPEG) with a host, or demo; this machine's files and webcams stand in CAMERAS"
)


def to_camera(name: str, source: str) -> Camera:
    """Return the camera that may be added under a name. Raises ConfigError for any other."""
    if not re.fullmatch(NAME, name):
        raise ConfigError(WRONG_NAME)
    if not re.fullmatch(SOURCE, source):
        raise ConfigError(WRONG_SOURCE)
    try:
        return Camera(name, parse_cameras([source])[0].kind, source)
    except ConfigError as error:  # no host, or none that can be one
        raise ConfigError(WRONG_SOURCE) from error


def read_added(run_dir: Path) -> dict[str, Camera]:
    """The cameras that have been added, by name. Raises ConfigError where the file is not as it was written."""
    path = run_dir / FILE
    try:
        return {name: to_camera(name, source) for name, source in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError, OSError, ConfigError) as error:
        raise ConfigError(f"{path} can't be used ({error}): put it right, or delete it.") from error


def write_added(run_dir: Path, cameras: Mapping[str, Camera]) -> None:
    """Keep these cameras; at no time is half of the file there. Raises OSError."""
    part = run_dir / f"{FILE}.part"
    text = json.dumps({name: camera.source for name, camera in cameras.items()}, indent=1)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # it may hold passwords
        file.write(text)
    part.replace(run_dir / FILE)


def with_added(cameras: tuple[Camera, ...], run_dir: Path) -> tuple[Camera, ...]:
    """The cameras of CAMERAS, and those added under names that it has not. Raises ConfigError."""
    taken = {camera.name for camera in cameras}
    return (*cameras, *(camera for name, camera in read_added(run_dir).items() if name not in taken))


def stamp(run_dir: Path) -> tuple[int, int] | None:
    """What is another whenever the file has been written; None where there is none."""
    try:
        found = (run_dir / FILE).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
