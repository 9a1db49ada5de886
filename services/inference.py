"""Pages -> inference -> Readings: finds the digits of many pages at once and reads them, or says "not a digit"."""

from collections.abc import Sequence

import cv2
import numpy as np

from shared import lifecycle, metrics, worker
from shared.messages import MAX_DIGITS, Page, Reading
from shared.settings import ConfigError
from shared.vision.digit import Digit
from shared.vision.page import as_uint8
from shared.vision.read import Reader
from shared.weights import KeptReader


def main(life: lifecycle.Life) -> None:
    """Load the networks, warm them up, and read pages for the queue until told to stop."""
    settings = life.settings
    try:
        kept = KeptReader(settings)
    except ValueError as error:
        raise ConfigError(f"MODELS={settings.models} BACKEND={settings.backend} can't be used: {error}") from error
    warm_up(kept.get())
    worker.serve(life, Page, settings.max_batch, lambda pages: read(kept.get(), pages))


def warm_up(reader: Reader) -> None:
    """Read a page before the first real one comes: the first run of a network is the slowest."""
    page = np.full((480, 640), 255, np.uint8)
    reader.read([as_uint8(cv2.putText(page, "7", (300, 280), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 8))])


def read(reader: Reader, pages: Sequence[Page]) -> list[Reading]:
    """What each page says; all of them go through the networks together."""
    arrays = [np.frombuffer(page.pixels, np.uint8).reshape(page.rows, -1) for page in pages]
    read_pages = reader.read_and_count(arrays)
    for page, (_, refused) in zip(pages, read_pages, strict=True):
        metrics.REJECTS.labels(page.camera).inc(refused)
    return [to_reading(page, digits) for page, (digits, _) in zip(pages, read_pages, strict=True)]


def to_reading(page: Page, digits: Sequence[Digit]) -> Reading:
    """The message about a page, its boxes in pixels of the picture."""
    scale = page.width * page.rows / len(page.pixels)
    surest = sorted(digits, key=lambda digit: digit.confidence, reverse=True)[:MAX_DIGITS]
    placed = tuple(digit.scaled(scale) for digit in surest)
    return Reading(page.camera, page.seq, page.captured_at, page.width, page.height, placed)


if __name__ == "__main__":
    lifecycle.start("inference", main)
