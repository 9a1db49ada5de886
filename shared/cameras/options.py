"""Options of one camera, written after its word in CAMERAS: demo#weight=2, 0#rotate=180#mirror#fps=10."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from shared.cameras.problems import ESCAPES
from shared.messaging.message_fields import OLDEST_S, WEIGHTS
from shared.settings import ConfigError

MAX_PX = 16384
Crop = tuple[int, int, int, int]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What sets a camera apart from the others. Its pictures are turned, then mirrored, then cropped."""

    weight: float = 1.0  # turns under load, relative to a camera of weight 1
    max_age_s: float = 0.0  # a live frame older than this is dropped; 0: MAX_AGE_S applies
    rotate: int = 0  # degrees clockwise
    mirror: bool = False  # left and right exchanged
    crop: Crop | None = None  # x, y, width and height in pixels
    fps: float = 0.0  # frames a second at most; 0: as many as it gives
    bare_ones: bool = False  # only digits are written in front of it: a bare stroke is a 1
    size: Size | None = None  # width and height that a webcam is asked for

    @property
    def changes_pixels(self) -> bool:
        """Whether frames differ from what the camera gives."""
        return bool(self.rotate or self.mirror or self.crop)


DEFAULT_OPTIONS = CameraOptions()


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:  # also false for nan
            raise ValueError
        return value

    return parse


def _integers(separator: str, *lowest: int) -> Callable[[str], tuple[int, ...]]:
    def parse(text: str) -> tuple[int, ...]:
        values = tuple(map(int, text.split(separator)))
        if any(not low <= value <= MAX_PX for low, value in zip(lowest, values, strict=True)):
            raise ValueError
        return values

    return parse


def _parse_turn(text: str) -> int:
    return {"90": 90, "180": 180, "270": 270}[text]


# name -> (what it takes, how it is read)
OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "weight": ("a number from {:g} to {:g}".format(*WEIGHTS), _number(*WEIGHTS)),
    "max_age_s": (f"a number from 0.01 to {OLDEST_S:g}", _number(0.01, OLDEST_S)),  # seconds, as in MAX_AGE_S
    "rotate": ("90, 180 or 270", _parse_turn),
    "crop": ("x,y,width,height in pixels", _integers(",", 0, 0, 1, 1)),
    "fps": ("a number from 0.1 to 240", _number(0.1, 240.0)),
    "size": ("WIDTHxHEIGHT", _integers("x", 1, 1)),
}
FLAGS = {"mirror", "bare_ones"}
EXAMPLES = (
    "#rotate=180, #mirror, #crop=x,y,width,height, #fps=10, #weight=2, #max_age_s=0.5, #bare_ones, "
    "and #size=1280x720 of a webcam"
)


def split_options(word: str) -> tuple[str, CameraOptions]:
    """Return a word of CAMERAS without its options, and the options. Raises ConfigError.

    Text after a # that is no option belongs to the word, because a file may be named so, and a password may hold one.
    """
    source, *rest = word.split("#")
    while (
        rest and "=" not in rest[0] and rest[0].strip() not in FLAGS and ("://" not in source or "@" in "#".join(rest))
    ):
        source += "#" + rest.pop(0)
    options = [_parse_option(text.strip()) for text in rest]
    names = [name for name, _ in options]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"CAMERAS has #{min(repeated)} twice: a camera takes each option once.")
    return source.rstrip() if rest else source, CameraOptions(**dict(options))


def _parse_option(text: str) -> tuple[str, Any]:
    if text in FLAGS:
        return text, True
    name, _, value = text.partition("=")
    if name not in OPTIONS:
        hint = f" Is it part of a password? {ESCAPES[0].upper()}{ESCAPES[1:]}." if "@" in value else ""
        shown = re.sub(".*@", "...@", text)
        raise ConfigError(f"CAMERAS has #{shown}: a camera takes {EXAMPLES}.{hint}")
    takes, parse = OPTIONS[name]
    try:
        return name, parse(value.lower())
    except (ValueError, KeyError) as error:
        raise ConfigError(f"CAMERAS has #{text}: {name} takes {takes}.") from error


def format_options(options: CameraOptions) -> str:
    """Return the options as split_options() reads them; "" for the defaults."""
    text = ""
    for option in fields(options):
        value = getattr(options, option.name)
        if value == option.default:
            continue
        if isinstance(value, tuple):
            value = ("x" if option.name == "size" else ",").join(map(str, value))
        text += f"#{option.name}" if option.name in FLAGS else f"#{option.name}={value}"
    return text
