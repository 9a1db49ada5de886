"""Cameras added in the web interface. They are kept in RUN_DIR, apart from CAMERAS, which it can't change.

Only cameras with an address may be added: the web token must not open this machine's files or webcams
(docs/decisions/0010).
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from shared.cameras.camera_list import NAME_TAKES, Camera, SourceKind, parse_cameras
from shared.cameras.options import format_options
from shared.settings import NAME_PATTERN, ConfigError
from shared.state_files import read_state, set_aside, write_state

ADDED_CAMERAS_FILE = "cameras.json"  # {"hall": "rtsp://..."}
MAX_ADDED = 16  # a process of 60 MB each
# no white space, which could forge a line of the log; options such as #rotate=180 may follow
# a phone begins an address with a capital letter
SOURCE_PATTERN = r"(?:demo|(?i:rtsp|http)[sS]?://[!$-~]{1,1000})(?:#[!$-~]{1,100}){0,10}"
# for the API's document: sources that are right in every part, which SOURCE_PATTERN does not assure
LOGIN_PATTERN = r"[A-Za-z0-9._%-]{1,64}(?::[A-Za-z0-9._%-]{1,64})?@"
ADDRESS_PATTERN = rf"(?:rtsp|http)s?://(?:{LOGIN_PATTERN})?[A-Za-z0-9][A-Za-z0-9.-]{{0,62}}(?::[1-9][0-9]{{0,3}})?"
# each option once
OPTIONS_PATTERN = (
    "(?:#rotate=(?:90|180|270))?(?:#mirror)?(?:#crop=[0-9]{1,4},[0-9]{1,4},[1-9][0-9]{0,3},[1-9][0-9]{0,3})?"
    "(?:#fps=[1-9][0-9]?)?(?:#weight=(?:[1-9]|0[.][1-9]))?(?:#max_age_s=(?:[1-9]|0[.][1-9]))?"
)
DOCUMENTED_PATTERN = rf"(?:demo|{ADDRESS_PATTERN}(?:/[!$-~]{{0,500}})?){OPTIONS_PATTERN}"
WRONG_NAME = f"a camera's name is {NAME_TAKES}"
WRONG_SOURCE = (
    "source is rtsp://... or http://... (MJPEG or snapshots) with a host, or demo; options such as #rotate=180 may "
    "follow; "
    "files and webcams of this machine can only be set in CAMERAS"
)


def make_added_camera(name: str, source: str) -> Camera:
    """Return the camera with this name and source. Raises ConfigError if it may not be added."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ConfigError(WRONG_NAME)
    if not re.fullmatch(SOURCE_PATTERN, source):
        raise ConfigError(WRONG_SOURCE)
    try:
        camera = parse_cameras([source])[0]
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix("CAMERAS has ") if "#" in source else WRONG_SOURCE) from error
    if camera.kind not in (SourceKind.STREAM, SourceKind.DEMO):  # demo#... may be the name of a file
        raise ConfigError(WRONG_SOURCE)
    return replace(camera, name=name)


def read_added_cameras(run_dir: Path) -> dict[str, Camera]:
    """Return the added cameras by name. Raises ConfigError if the file is damaged."""
    path = run_dir / ADDED_CAMERAS_FILE
    try:
        cameras = {name: make_added_camera(name, source) for name, source in read_words(path).items()}
        if len(cameras) > MAX_ADDED:
            raise ValueError(f"it has {len(cameras)} cameras, more than {MAX_ADDED}")
        return cameras
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError, OSError, ConfigError, RecursionError) as error:
        raise ConfigError(f"{path} can't be used ({error}): correct it, or delete it.") from error


def read_words(path: Path) -> dict[str, str]:
    """Return what a file holds, as it should be: words by name. Raises OSError or ValueError if it is no JSON."""
    words: dict[str, str] = json.loads(read_state(path))
    return words


def load_added_cameras(run_dir: Path) -> dict[str, Camera]:
    """Return the added cameras by name. A damaged file is set aside, and the cameras that are right in it stay."""
    try:
        return read_added_cameras(run_dir)
    except ConfigError as error:
        path = run_dir / ADDED_CAMERAS_FILE
        cameras = salvage_cameras(path)
        if set_aside(path, error.__cause__) and cameras:
            with suppress(OSError):
                write_added_cameras(run_dir, cameras)
        return cameras


def salvage_cameras(path: Path) -> dict[str, Camera]:
    """Return the cameras that are right in a file with others that are not, the first MAX_ADDED of them."""
    cameras = {}
    with suppress(ValueError, AttributeError, OSError, RecursionError):
        for name, source in read_words(path).items():
            with suppress(TypeError, ConfigError):
                cameras[name] = make_added_camera(name, source)
    return dict(list(cameras.items())[:MAX_ADDED])


def write_added_cameras(run_dir: Path, cameras: Mapping[str, Camera]) -> None:
    """Replace the file atomically. Raises OSError."""
    words = {name: camera.source + format_options(camera.options) for name, camera in cameras.items()}
    write_state(run_dir / ADDED_CAMERAS_FILE, json.dumps(words, indent=1), 0o600)  # it may hold passwords


def append_added_cameras(cameras: tuple[Camera, ...], added: Mapping[str, Camera]) -> tuple[Camera, ...]:
    """Return the cameras of CAMERAS and the added ones whose names are still free."""
    taken = {camera.name for camera in cameras}
    return (*cameras, *(camera for name, camera in added.items() if name not in taken))


def fingerprint_added_cameras(run_dir: Path) -> tuple[int, int] | None:
    """Return (inode, mtime in ns) of the file, which changes when it is rewritten; None if there is none."""
    try:
        found = (run_dir / ADDED_CAMERAS_FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
