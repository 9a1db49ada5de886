"""On what terms a camera is served, as CAMERAS says after its word: demo#weight=2, 0#weight=0.5#max_age_s=1."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.messaging.messages import OLDEST_S, WEIGHTS
from shared.settings import ConfigError


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What sets a camera apart from the others."""

    weight: float = 1.0  # its turns under load, for each one of a camera of weight 1
    max_age_s: float = 0.0  # a live frame older than so many seconds is dropped; 0: what MAX_AGE_S says


USUAL = CameraOptions()
RANGES = {"weight": WEIGHTS, "max_age_s": (0.01, OLDEST_S)}  # seconds as in MAX_AGE_S


def split_terms(word: str) -> tuple[str, CameraOptions]:
    """Return a word of CAMERAS without its terms, and these. Raises ConfigError.

    What follows a # without an = belongs to the word: a file may be named so.
    """
    source, *rest = word.split("#")
    while rest and "=" not in rest[0]:
        source += "#" + rest.pop(0)
    return source, CameraOptions(**dict(map(_parse, rest)))


def _parse(term: str) -> tuple[str, float]:
    name, _, text = term.partition("=")
    if name not in RANGES:
        raise ConfigError(f"CAMERAS has #{term}: a camera takes {' and '.join(_explain())}.")
    low, high = RANGES[name]
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not low <= value <= high:  # also false for nan
        raise ConfigError(f"CAMERAS has #{term}: {name} takes a number from {low:g} to {high:g}.")
    return name, value


def _explain() -> Iterator[str]:
    return (f"#{name}=({low:g} to {high:g})" for name, (low, high) in RANGES.items())
