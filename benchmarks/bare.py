"""The same pure functions without a pipeline: one loop, in this process, on one core."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice

import cv2

from services.inference import read_batch
from services.preprocess import preprocess_frame
from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.settings import Settings
from shared.vision.recognizer import load_recognizer

SECONDS = 1.5
BATCH = 16
See = Callable[[Sequence[bytes]], list[Reading]]


def load_see(settings: Settings) -> See:
    """A function from JPEGs to their readings: what preprocess and inference do, on one thread."""
    cv2.setNumThreads(1)
    reader = load_recognizer(settings.models, settings.backend, settings.device)

    def see(jpegs: Sequence[bytes]) -> list[Reading]:
        frames = [
            Frame(camera="bare", seq=seq, captured_at=0.0, every_frame=False, jpeg=jpeg)
            for seq, jpeg in enumerate(jpegs)
        ]
        pages = [preprocess_frame(frame, settings.long_side_px) for frame in frames]
        return read_batch(reader, [page for page in pages if isinstance(page, GrayFrame)])

    return see


def measure(see: See, jpegs: Sequence[bytes]) -> tuple[float, float]:
    """Frames a second of the loop, and the CPU seconds it took: one frame at a time or BATCH, whichever is faster."""
    began = time.process_time()
    fps = max(rate(see, jpegs, size) for size in (1, BATCH))
    return fps, time.process_time() - began


def rate(see: See, jpegs: Sequence[bytes], size: int) -> float:
    """Frames a second, so many at a time."""
    source, done = cycle(jpegs), 0
    see(list(islice(source, size)))  # the first run of a network is the slowest
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < SECONDS:
        see(list(islice(source, size)))
        done += size
    return done / elapsed
