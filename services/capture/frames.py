"""What every source yields: JPEG frames with their capture time, as they come or on a schedule."""

import math
import struct
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.cameras.publisher import CapturedFrame
from shared.messaging.codec import MAX_PAYLOAD_BYTES
from shared.vision.gray_frame import as_uint8
from shared.vision.jpeg import MAX_PIXELS, TooLargeError

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_SIZE, PNG_SIZE_AT = struct.Struct(">II"), 16  # width and height, in the first chunk
PNG_START_BYTES = 8
PNG_CHUNK_BYTES = 12  # of a chunk besides its content
MAX_CHUNKS = 10_000  # of 8 kB, as many programs write them: more than a message can hold
MAX_ENCODED_PX = 65_500  # of either side, in libjpeg
JPEG_QUALITY = 85  # 35 to 41 kB for a frame of the demo camera
PAUSE_S = 1.0  # of a film; a second of 4K takes half a second to decode

FrameStream = Generator[CapturedFrame, None, None]  # ends when the camera gives no more; closing it closes the camera
Schedule = Callable[[float], Iterable["Tick"]]  # rate in Hz -> ticks


def encode_jpeg(image: NDArray[np.uint8]) -> bytes:
    """Return an image (H x W gray, or H x W x 3 BGR) as JPEG. Raises TooLargeError, also if a message can't hold it."""
    height, width, is_gray = *image.shape[:2], image.ndim == 2
    if max(height, width) > MAX_ENCODED_PX:
        raise TooLargeError(f"{width} x {height} pixels")
    pixels = np.ascontiguousarray(image[..., None] if is_gray else image)
    # chroma at half the resolution: half the bytes and half the time
    jpeg = bytes(simplejpeg.encode_jpeg(pixels, JPEG_QUALITY, *(("GRAY", "Gray") if is_gray else ("BGR", "420"))))
    if len(jpeg) > MAX_PAYLOAD_BYTES:
        raise TooLargeError(f"{width} x {height} pixels in {len(jpeg) // 1000} kB")
    return jpeg


def to_jpeg(image: bytes) -> bytes:
    """Return a JPEG as it is, and a PNG as JPEG; b"" if it can't be decoded or has too many pixels.

    Raises TooLargeError as encode_jpeg().
    """
    if image.startswith(JPEG_START):
        return image
    width, height = PNG_SIZE.unpack(image[PNG_SIZE_AT : PNG_SIZE_AT + PNG_SIZE.size].ljust(PNG_SIZE.size, b"\xff"))
    if width * height > MAX_PIXELS or not has_whole_chunks(image):
        return b""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    return b"" if pixels is None else encode_jpeg(as_uint8(pixels))


def has_whole_chunks(png: bytes) -> bool:
    """Return whether all chunks of a PNG are there: OpenCV makes room for what one claims to have, up to 4 GB."""
    at = PNG_START_BYTES
    for _ in range(MAX_CHUNKS):
        if at >= len(png):
            break
        at += PNG_CHUNK_BYTES + int.from_bytes(png[at : at + 4])
    return at == len(png)


@dataclass(frozen=True, slots=True)
class Tick:
    """A point of a schedule: its number, and when it was due (time.monotonic())."""

    number: int
    due_at: float


class TickSchedule:
    """When the frames of a recorded camera are due, without drift.

    It gives the newest tick that is due, so the age of a frame includes any lateness of this process. A recording that
    was not asked for a frame for PAUSE_S goes on where it was: it may have to decode all frames on the way.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self.due_at = -math.inf  # of the next tick
        self.skipped = 0  # ticks that were not asked for in time

    def __call__(self, rate_hz: float) -> Iterator[Tick]:
        """Yield ticks 0, 1, 2, ... when they are due. Ticks that were missed are skipped."""
        start, number = self._clock(), 0
        while True:
            now, due_at = self._clock(), start + number / rate_hz
            if now - due_at > PAUSE_S:
                start += now - due_at
            self._sleep(max(0.0, due_at - now))
            newest = max(number, int((now - start) * rate_hz))
            self.skipped += newest - number
            number = newest + 1
            self.due_at = start + number / rate_hz
            yield Tick(newest, start + newest / rate_hz)


def schedule_ticks(rate_hz: float) -> Iterator[Tick]:
    """Yield the ticks of a schedule of their own."""
    return TickSchedule()(rate_hz)
