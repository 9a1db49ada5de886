"""Options of one camera, written after its word in CAMERAS: demo#weight=2, 0#weight=0.5#max_age_s=1."""

from dataclasses import dataclass

from shared.messaging.messages import OLDEST_S, WEIGHTS
from shared.settings import ConfigError

RANGES = {"weight": WEIGHTS, "max_age_s": (0.01, OLDEST_S)}  # seconds, as in MAX_AGE_S


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What sets a camera apart from the others."""

    weight: float = 1.0  # turns under load, relative to a camera of weight 1
    max_age_s: float = 0.0  # a live frame older than this is dropped; 0: MAX_AGE_S applies


DEFAULT_OPTIONS = CameraOptions()


def split_options(word: str) -> tuple[str, CameraOptions]:
    """Return a word of CAMERAS without its options, and the options. Raises ConfigError.

    Text after a # without an = belongs to the word, because a file may be named so.
    """
    source, *rest = word.split("#")
    while rest and "=" not in rest[0]:
        source += "#" + rest.pop(0)
    return source, CameraOptions(**dict(map(_parse_option, rest)))


def _parse_option(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    if name not in RANGES:
        known = " and ".join(f"#{name}=({low:g} to {high:g})" for name, (low, high) in RANGES.items())
        raise ConfigError(f"CAMERAS has #{text}: a camera takes {known}.")
    low, high = RANGES[name]
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if not low <= value <= high:  # also false for nan
        raise ConfigError(f"CAMERAS has #{text}: {name} takes a number from {low:g} to {high:g}.")
    return name, value
