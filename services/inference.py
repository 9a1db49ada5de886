"""Pages -> inference -> Readings: finds the digits of many pages at once and reads them, or says "not a digit"."""

import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.messaging.messages import MAX_DIGITS, GrayFrame, Reading
from shared.pipeline import Stage
from shared.service import lifecycle, stage_loop
from shared.settings import ConfigError, Settings
from shared.telemetry import metrics
from shared.vision.digit import Digit
from shared.vision.gray_frame import as_uint8
from shared.vision.recognizer import FrameRecognizer
from shared.vision.reload import ReloadingRecognizer

# Of MAX_AGE_S: a page may wait for the batch that is read and for the one after that, and is read in the next.
# Larger ones read no more (docs/decisions/0013).
BATCH_SHARE = 0.1
MOST_PAGES = 128  # in a batch
TRIES = 2  # the first run of a size may be slower
LOOK_S = 0.2  # for finding the batch at the start


def main(life: lifecycle.ServiceContext) -> None:
    """Load the networks, warm them up, and read pages for the queue until told to stop."""
    settings = life.settings
    try:
        kept = ReloadingRecognizer(settings)
    except ValueError as error:
        raise ConfigError(f"MODELS={settings.models} BACKEND={settings.backend} can't be used: {error}") from error
    page = draw_sample_frame(settings.long_side_px)
    is_cpu = kept.current().classifier.device == "cpu"  # on one thread, whose time is its own also on a busy machine
    clock = time.thread_time if is_cpu else time.perf_counter
    most = choose_batch_size(settings, lambda size: kept.current().read([page] * size), clock)
    life.log.info("reads up to %d pages at once", most)
    stage_loop.serve(life, GrayFrame, most, lambda pages: read_batch(kept.current(), pages))


def draw_sample_frame(long_side_px: int) -> NDArray[np.uint8]:
    """A page with three digits, of the usual size, to try the networks on."""
    page = np.full((long_side_px * 3 // 4, long_side_px), 255, np.uint8)
    place, size = (long_side_px // 4, long_side_px // 2), long_side_px / 240
    return as_uint8(cv2.putText(page, "237", place, cv2.FONT_HERSHEY_SIMPLEX, size, 0, long_side_px // 60))


def choose_batch_size(settings: Settings, run: Callable[[int], object], clock: Callable[[], float]) -> int:
    """The most pages to take at once, also exported; run reads so many. The first run of a network is the slowest."""
    run(1)
    most = settings.max_batch or measure_batch_size(run, BATCH_SHARE * settings.max_age_s, clock)
    metrics.MAX_BATCH.set(most)
    return most


def measure_batch_size(run: Callable[[int], object], budget_s: float, clock: Callable[[], float]) -> int:
    """The largest power of two, up to MOST_PAGES, of pages that are read within the budget; 1 where none is."""

    def takes_s(size: int) -> float:
        before = clock()
        run(size)
        return clock() - before

    size, until = 1, clock() + LOOK_S
    while size < MOST_PAGES and any(clock() < until and takes_s(2 * size) <= budget_s for _ in range(TRIES)):
        size *= 2
    return size


def read_batch(reader: FrameRecognizer, pages: Sequence[GrayFrame]) -> list[Reading]:
    """What each page says; all of them go through the networks together."""
    arrays = [np.frombuffer(page.pixels, np.uint8).reshape(page.rows, -1) for page in pages]
    read_pages = reader.read_and_count(arrays)
    for page, (_, refused) in zip(pages, read_pages, strict=True):
        metrics.REJECTS.labels(page.camera).inc(refused)
    return [to_reading(page, digits) for page, (digits, _) in zip(pages, read_pages, strict=True)]


def to_reading(page: GrayFrame, digits: Sequence[Digit]) -> Reading:
    """The message about a page, its boxes in pixels of the picture."""
    scale = page.width * page.rows / len(page.pixels)
    surest = sorted(digits, key=lambda digit: digit.confidence, reverse=True)[:MAX_DIGITS]
    placed = tuple(digit.scaled(scale) for digit in surest)
    return Reading(page.camera, page.seq, page.captured_at, page.width, page.height, placed)


if __name__ == "__main__":
    lifecycle.start(Stage.INFERENCE, main)
