"""The list of cameras: what each word of CAMERAS means, and the name of its camera."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.cameras.address import DEFAULT_PORTS, find_host
from shared.cameras.file_types import IMAGE_SUFFIXES, find_media_files
from shared.cameras.options import DEFAULT_OPTIONS, CameraOptions, split_options
from shared.cameras.problems import CameraAbsentError
from shared.settings import NAME_PATTERN, ConfigError

NAME_LENGTH = 32  # a name is a metric label and part of every log line
TAKES = (
    "it takes auto, demo, a webcam (0, 1, /dev/video2), a video, an image, a folder of images, "
    "rtsp://... or http://... (MJPEG or snapshots); NAME= may precede it, and options such as #rotate=180 may follow"
)
WEBCAM_DIGITS = 4  # OpenCV takes larger numbers for drivers
NAMED = re.compile(rf"({NAME_PATTERN})\s*=\s*(.+)")
MEANT_AS_NAME = re.compile(r"([^/#:?=]*)=")
NAME_TAKES = "1 to 32 letters, digits, dots and hyphens; it begins and ends with a letter or digit"


class SourceKind(StrEnum):
    WEBCAM = "webcam"
    STREAM = "stream"  # RTSP, or MJPEG over HTTP
    DEMO = "demo"
    VIDEO = "video"
    IMAGES = "images"  # a folder, or one file

    @property
    def is_file(self) -> bool:
        """Whether it has an end, so that EVERY_FRAME applies."""
        return self in (SourceKind.VIDEO, SourceKind.IMAGES)

    @property
    def is_device(self) -> bool:
        """Whether it can freeze: sensor noise never repeats, whereas a video may hold a still."""
        return self in (SourceKind.WEBCAM, SourceKind.STREAM)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera. Its name is unique and safe in logs; its source opens it and may contain a password."""

    name: str
    kind: SourceKind
    source: str
    options: CameraOptions = DEFAULT_OPTIONS


def parse_cameras(words: Sequence[str], webcam_works: Callable[[], bool] = lambda: False) -> tuple[Camera, ...]:
    """Return the cameras of CAMERAS. Raises ConfigError.

    "auto" is webcam 0 if webcam_works() finds that it gives a frame, else the demo camera.
    """
    if not words:
        raise ConfigError(f"CAMERAS is empty: {TAKES}.")
    auto = "demo"
    if any(map(_is_auto, words)):
        auto = "0" if webcam_works() else "demo"
    return tuple(_make_camera(name, word) for name, word in _assign_names(_replace_auto(words, auto)).items())


def find_camera(words: Sequence[str], name: str, added: Mapping[str, Camera] | None = None) -> Camera:
    """Return the camera that parse_cameras gave this name, whatever auto was then, or an added one.

    Checks no other camera's file: a missing one stops only its own camera. Raises ConfigError.
    """
    with_webcam, with_demo = (_assign_names(_replace_auto(words, auto)) for auto in ("0", "demo"))
    is_certain = name in with_webcam and name in with_demo  # else it may be what auto was, or an added camera
    if added and name in added and not is_certain:
        return added[name]
    either = with_demo | with_webcam
    if name in either:
        return _make_camera(name, either[name])
    raise ConfigError(f"CAMERAS={','.join(map(hide_secrets, words))} has no camera named {name}.")


def _replace_auto(words: Sequence[str], replacement: str) -> list[str]:
    return [re.sub("(^|=)auto(?=#|$)", rf"\g<1>{replacement}", word) if _is_auto(word) else word for word in words]


def _is_auto(word: str) -> bool:
    return split_name(word)[1].partition("#")[0] == "auto"


def split_name(word: str) -> tuple[str, str]:
    """Return the name that a word of CAMERAS begins with, "" if none, and the rest. A file may be named a=b.mp4."""
    named = NAMED.fullmatch(word)
    is_file = os.path.exists(word.partition("#")[0])  # noqa: PTH110 - Path.exists() raises if the name is too long
    return (named[1], named[2]) if named and not is_file else ("", word)


def _make_camera(name: str, word: str) -> Camera:
    source, options = split_options(word)
    kind = _find_kind(source)
    if options.size and kind is not SourceKind.WEBCAM:
        raise ConfigError(f"CAMERAS: {name} is no webcam, so it takes no #size.")
    return Camera(name, kind, source, options)


def _assign_names(words: Sequence[str]) -> dict[str, str]:
    """Return each word by its camera's name: its own, else one after its source. Raises ConfigError.

    A name that is taken gets a number: demo, demo.2.
    """
    for word in words:
        _check_name(word)
    named = [split_name(word) for word in words]
    own = [name for name, _ in named if name]
    if len(own) > len(set(own)):
        raise ConfigError(f"CAMERAS has two cameras named {max(own, key=own.count)}: give each its own name.")
    assigned: dict[str, str] = {}
    for own_name, word in named:
        preferred = own_name or _derive_name(split_options(word)[0])
        name, count = preferred, 1
        while name in assigned or (name in own and not own_name):
            count += 1
            name = f"{preferred}.{count}"
        assigned[name] = word
    return assigned


def _check_name(word: str) -> None:
    """Raise ConfigError if a word of CAMERAS begins with what is meant as a name, but can't be one."""
    meant = MEANT_AS_NAME.match(word)
    if meant and split_name(word) == ("", word) and not os.path.exists(word.partition("#")[0]):  # noqa: PTH110
        if re.fullmatch(NAME_PATTERN, meant[1]):
            raise ConfigError(f"CAMERAS: no camera follows the name {meant[0]}: {TAKES}.")
        raise ConfigError(f"CAMERAS: {meant[1]!r} can't be a camera's name: it takes {NAME_TAKES}.")


def _derive_name(source: str) -> str:
    """Return the name that a source suggests. Raises ConfigError."""
    if _is_webcam_number(source):
        return f"webcam{int(source)}"
    if source.startswith("/dev/"):
        text = source.removeprefix("/dev/")
    else:
        text = _parse_host(source) if "://" in source else Path(source).stem
    return re.sub(r"[^A-Za-z0-9.]+", "-", text)[:NAME_LENGTH].strip("-.") or "camera"


def _is_webcam_number(source: str) -> bool:
    return source.isascii() and source.isdigit() and len(source) <= WEBCAM_DIGITS


def _find_kind(source: str) -> SourceKind:
    """Return the kind of camera that a source is. A file's content is checked when it is opened. Raises ConfigError."""
    if source == "demo":
        return SourceKind.DEMO
    if _is_webcam_number(source) or source.startswith("/dev/"):
        return SourceKind.WEBCAM
    if "://" in source:
        return SourceKind.STREAM
    try:
        path = Path(source).expanduser()
        path.stat()
    except FileNotFoundError as error:
        raise ConfigError(f"CAMERAS={source} does not exist: {TAKES}.") from error
    except (OSError, RuntimeError) as error:  # a name that is too long, a closed folder, ~nobody
        reason = error.strerror if isinstance(error, OSError) else "there is no such user"
        raise ConfigError(f"CAMERAS={source} can't be opened: {reason}.") from error
    if path.is_dir():
        if not any(file.suffix.lower() in IMAGE_SUFFIXES for file in find_media_files(path)):
            suffixes = " ".join(sorted(IMAGE_SUFFIXES))
            raise ConfigError(f"CAMERAS={path} is a folder without images: it takes one with {suffixes}.")
        return SourceKind.IMAGES
    return SourceKind.IMAGES if path.suffix.lower() in IMAGE_SUFFIXES else SourceKind.VIDEO


def _parse_host(url: str) -> str:
    """Return the host of a camera's URL. Raises ConfigError."""
    try:
        if url.partition("://")[0].lower() in DEFAULT_PORTS and (host := find_host(url)):
            return host
    except (CameraAbsentError, ValueError):  # ValueError: brackets that do not hold an IPv6 address
        pass
    raise ConfigError(f"CAMERAS={hide_secrets(url)} is not a camera's address: {TAKES}.")


def hide_secrets(word: str) -> str:
    """Return a word of CAMERAS without the password or token that its URL may contain."""
    return re.sub(r"\?.*", "?...", re.sub(r"://.*@", "://...@", word)) if "://" in word else word
