"""What every camera gives: JPEGs, each with the time at which it was taken."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.messaging.messages import MAX_PAYLOAD_BYTES

QUALITY = 85  # 35 to 41 kB for a picture of the demo camera


class AbsentError(Exception):
    """A camera that gives no picture now; the text is a sentence's end for a person: "it does not answer"."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, and when it was taken by time.monotonic()."""

    jpeg: bytes
    taken_at: float


Shots = Generator[Shot, None, None]  # ends when the camera gives no more; closing it closes the camera


def encode(picture: NDArray[np.uint8]) -> bytes:
    """Return the JPEG of a picture: H x W grey, or H x W x 3 BGR. Raises ValueError where it is too large."""
    grey = picture.ndim == 2
    pixels = np.ascontiguousarray(picture[..., None] if grey else picture)
    colours = "GRAY" if grey else "BGR"
    sampling = "Gray" if grey else "420"  # colour at half the size: half the bytes and the time
    jpeg = bytes(simplejpeg.encode_jpeg(pixels, QUALITY, colours, sampling))
    if len(jpeg) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the picture is too large to be sent: {len(jpeg)} bytes")
    return jpeg


@dataclass(frozen=True, slots=True)
class Tick:
    """A point of a schedule: its number, and the time by time.monotonic() at which it was due."""

    number: int
    due_at: float


def pace(
    rate_hz: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Tick]:
    """Yield ticks 0, 1, 2, ... when they are due, on a schedule that does not drift; what was missed is left out.

    A picture counts as taken when it was due, not when this process got round to it: age then has its lateness in it.
    """
    start, number = clock(), 0
    while True:
        due_at = start + number / rate_hz
        sleep(max(0.0, due_at - clock()))
        yield Tick(number, due_at)
        number = max(number + 1, int((clock() - start) * rate_hz))
