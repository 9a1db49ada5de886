"""Many pages become as many readings, boxes in pixels of their pictures."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import REGISTRY

from services import inference
from shared.messages import MAX_DIGITS, Page
from shared.vision.digit import Digit
from shared.vision.read import Reader, load_reader

MODELS = Path(__file__).parents[2] / "models"
LOG_P = tuple(np.log(np.full(11, 1 / 11)))


class FakeReader:
    """Says that each page holds one digit as large as the page, or as many as it is told."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.batches: list[int] = []

    def read_and_count(self, pages: Sequence[NDArray[np.uint8]]) -> list[tuple[tuple[Digit, ...], int]]:
        self.batches.append(len(pages))
        boxes = [(0.0, 0.0, float(page.shape[1]), float(page.shape[0])) for page in pages]
        return [((Digit(box, LOG_P),) * self.count, 3) for box in boxes]


def page(camera: str, rows: int, columns: int, width: int, height: int) -> Page:
    return Page(camera, 1, 1.5, width, height, rows, b"\xff" * (rows * columns))


def test_pages_of_many_cameras_are_read_in_one_batch() -> None:
    reader = FakeReader()
    pages = [page("a", 48, 64, 64, 48), page("b", 36, 64, 1920, 1080)]
    readings = inference.read(cast(Reader, reader), pages)
    assert reader.batches == [2]
    assert [(r.camera, r.seq, r.captured_at, r.width, r.height) for r in readings] == [
        ("a", 1, 1.5, 64, 48),
        ("b", 1, 1.5, 1920, 1080),
    ]


def test_boxes_are_in_pixels_of_the_picture() -> None:
    (reading,) = inference.read(cast(Reader, FakeReader()), [page("b", 36, 64, 1920, 1080)])
    assert reading.digits[0].box == pytest.approx((0, 0, 1920, 1080))


def test_more_digits_than_a_message_holds_are_cut_to_the_surest() -> None:
    (reading,) = inference.read(cast(Reader, FakeReader(MAX_DIGITS + 5)), [page("a", 48, 64, 64, 48)])
    assert len(reading.digits) == MAX_DIGITS


def test_what_was_refused_is_counted_by_camera() -> None:
    refused = partial(REGISTRY.get_sample_value, "digitcam_rejects_total", {"camera": "refused"})
    inference.read(cast(Reader, FakeReader()), [page("refused", 48, 64, 64, 48)] * 2)
    assert refused() == 6


def test_warm_up_runs_the_shipped_networks() -> None:
    inference.warm_up(load_reader(MODELS))
