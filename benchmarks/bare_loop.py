"""The bare loop: the same functions without a pipeline, in one process on one core."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice

import cv2

from services.inference import read_batch
from services.preprocess import preprocess_frame
from shared.messaging.messages import Frame, GrayFrame, Reading
from shared.settings import Settings
from shared.vision.recognizer import load_recognizer

MEASURE_S = 1.5
BATCH = 16
RecognizeJpegs = Callable[[Sequence[bytes]], list[Reading]]


def load_bare_loop(settings: Settings) -> RecognizeJpegs:
    """Return a function from JPEGs to readings: the work of preprocess and inference on one thread."""
    cv2.setNumThreads(1)
    recognizer = load_recognizer(settings.models, settings.backend, settings.device)

    def recognize(jpegs: Sequence[bytes]) -> list[Reading]:
        results = [preprocess_frame(frame, settings.long_side_px) for frame in make_frames("bare", jpegs)]
        return read_batch(recognizer, [result for result in results if isinstance(result, GrayFrame)])

    return recognize


def make_frames(camera: str, jpegs: Sequence[bytes]) -> list[Frame]:
    """Return messages with these JPEGs, for functions that are called without a pipeline."""
    return [
        Frame(camera=camera, seq=seq, captured_at=0.0, every_frame=False, jpeg=jpeg) for seq, jpeg in enumerate(jpegs)
    ]


def measure_bare_loop(recognize: RecognizeJpegs, jpegs: Sequence[bytes]) -> float:
    """Return frames per second of one core, in batches of 1 or BATCH, whichever is faster.

    The time is that of this process, so that others on the machine count little.
    """
    return max(measure_rate(recognize, jpegs, size) for size in (1, BATCH))


def measure_rate(recognize: RecognizeJpegs, jpegs: Sequence[bytes], batch_size: int) -> float:
    """Return frames per second of CPU time at a batch size."""
    source, done = cycle(jpegs), 0
    recognize(list(islice(source, batch_size)))  # the first run of a network is the slowest
    began_s = time.process_time()
    while (elapsed_s := time.process_time() - began_s) < MEASURE_S:
        recognize(list(islice(source, batch_size)))
        done += batch_size
    return done / elapsed_s
