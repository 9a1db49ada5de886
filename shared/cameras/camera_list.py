"""The list of cameras: what each word of CAMERAS means, and the name that its camera goes by."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from shared.cameras.file_types import PHOTOS, find_files
from shared.cameras.options import USUAL, CameraOptions, split_terms
from shared.settings import ConfigError

NAME_LENGTH = 32  # it labels metrics and stands in every log line
TAKES = (
    "it takes auto, demo, a webcam (0, 1, /dev/video2), a video, a picture, a folder of pictures, "
    "rtsp://... or http://... (MJPEG), each with #weight=... or #max_age_s=... after it where it is special"
)


class SourceKind(Enum):
    """What can be a camera."""

    WEBCAM = "webcam"
    STREAM = "stream"  # RTSP, or MJPEG over HTTP
    DEMO = "demo"
    VIDEO = "video"
    PICTURES = "pictures"

    @property
    def is_file(self) -> bool:
        """Whether it has an end, so that EVERY_FRAME means something."""
        return self in (SourceKind.VIDEO, SourceKind.PICTURES)

    @property
    def is_device(self) -> bool:
        """Whether it can freeze: a sensor's noise is never the same twice, a film's still picture is."""
        return self in (SourceKind.WEBCAM, SourceKind.STREAM)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera: its name is unique and safe in logs, its source is what opens it and may hold a password."""

    name: str
    kind: SourceKind
    source: str
    terms: CameraOptions = USUAL


def parse_cameras(words: Sequence[str], webcam_works: Callable[[], bool] = lambda: False) -> tuple[Camera, ...]:
    """Return the cameras that the words mean. Raises ConfigError.

    "auto" is webcam 0 where that gives a picture, else the demo; webcam_works finds out.
    """
    if not any(map(_is_auto, words)):
        return _to_cameras(words)
    if webcam_works():
        logging.info("CAMERAS=auto: using webcam 0")
        return _to_cameras(_without_auto(words, "0"))
    logging.info("CAMERAS=auto: no webcam gives a picture, so this is the demo camera")
    return _to_cameras(_without_auto(words, "demo"))


def find_camera(words: Sequence[str], name: str, others: Mapping[str, Camera] | None = None) -> Camera:
    """Return the camera that parse_cameras gave this name, whatever auto was then, or another. Raises ConfigError.

    The files of the other words are not looked at: one that is gone stops no camera but its own.
    """
    meanings = [_name_all(_without_auto(words, auto)) for auto in ("0", "demo")]
    either = meanings[1] | meanings[0]
    is_sure = all(name in named for named in meanings)  # else it may be what auto was, or what was added under its name
    if others and name in others and not is_sure:
        return others[name]
    if name in either:
        return _to_camera(name, either[name])
    raise ConfigError(f"CAMERAS={','.join(map(hide_secrets, words))} has no camera named {name}.")


def _without_auto(words: Sequence[str], auto: str) -> list[str]:
    return [word.replace("auto", auto, 1) if _is_auto(word) else word for word in words]


def _is_auto(word: str) -> bool:
    return word.partition("#")[0] == "auto"


def _to_cameras(words: Sequence[str]) -> tuple[Camera, ...]:
    if not words:
        raise ConfigError(f"CAMERAS is empty: {TAKES}.")
    return tuple(_to_camera(name, word) for name, word in _name_all(words).items())


def _to_camera(name: str, word: str) -> Camera:
    source, terms = split_terms(word)
    return Camera(name, _find_kind(source), source, terms)


def _name_all(words: Sequence[str]) -> dict[str, str]:
    """Return each word by its camera's name; a name that is taken gets a number: demo, demo.2. Raises ConfigError."""
    named: dict[str, str] = {}
    for word in words:
        wish = _wish(split_terms(word)[0])
        name, count = wish, 1
        while name in named:
            count += 1
            name = f"{wish}.{count}"
        named[name] = word
    return named


def _wish(word: str) -> str:
    """Return the name that a camera would like. Raises ConfigError."""
    if word.isascii() and word.isdigit():
        return f"webcam{int(word)}"
    if word.startswith("/dev/"):
        return _to_name(word.removeprefix("/dev/"))
    return _to_name(_host(word) if "://" in word else Path(word).stem)


def _find_kind(word: str) -> SourceKind:
    """Return what kind of camera a word means. Raises ConfigError."""
    if word == "demo":
        return SourceKind.DEMO
    if (word.isascii() and word.isdigit()) or word.startswith("/dev/"):
        return SourceKind.WEBCAM
    return SourceKind.STREAM if "://" in word else _find_file_kind(Path(word).expanduser())


def _host(url: str) -> str:
    """Return the host of an address that can be a camera. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() in ("rtsp", "rtsps", "http", "https") and parts.hostname:
            return parts.hostname
    except ValueError:  # brackets that are no IPv6 address
        pass
    raise ConfigError(f"CAMERAS={hide_secrets(url)} is not a camera's address: {TAKES}.")


def _find_file_kind(path: Path) -> SourceKind:
    """Return whether a path is pictures or a video; what it holds is seen when it is opened. Raises ConfigError."""
    if path.is_dir():
        if not any(file.suffix.lower() in PHOTOS for file in find_files(path)):
            raise ConfigError(
                f"CAMERAS={path} is a folder without pictures: it takes one with {' '.join(sorted(PHOTOS))}."
            )
        return SourceKind.PICTURES
    if not path.exists():
        raise ConfigError(f"CAMERAS={path} does not exist: {TAKES}.")
    return SourceKind.PICTURES if path.suffix.lower() in PHOTOS else SourceKind.VIDEO


def _to_name(text: str) -> str:
    """Return text as a name: letters, digits, dots and hyphens, never empty."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text)[:NAME_LENGTH].strip("-.") or "camera"


def hide_secrets(word: str) -> str:
    """Return a word of CAMERAS without the password or token that an address may hold."""
    return re.sub(r"\?.*", "?...", re.sub(r"://.*@", "://...@", word)) if "://" in word else word
