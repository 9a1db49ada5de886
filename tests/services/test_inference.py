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
from shared.messaging.messages import MAX_DIGITS, GrayFrame
from shared.vision.digit import Digit
from shared.vision.recognizer import FrameRecognizer, load_recognizer
from tests.conftest import MakeSettings

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


def page(camera: str, rows: int, columns: int, width: int, height: int) -> GrayFrame:
    return GrayFrame(camera, 1, 1.5, width, height, rows, b"\xff" * (rows * columns))


def test_pages_of_many_cameras_are_read_in_one_batch() -> None:
    reader = FakeReader()
    pages = [page("a", 48, 64, 64, 48), page("b", 36, 64, 1920, 1080)]
    readings = inference.read_batch(cast(FrameRecognizer, reader), pages)
    assert reader.batches == [2]
    assert [(r.camera, r.seq, r.captured_at, r.width, r.height) for r in readings] == [
        ("a", 1, 1.5, 64, 48),
        ("b", 1, 1.5, 1920, 1080),
    ]


def test_boxes_are_in_pixels_of_the_picture() -> None:
    (reading,) = inference.read_batch(cast(FrameRecognizer, FakeReader()), [page("b", 36, 64, 1920, 1080)])
    assert reading.digits[0].box == pytest.approx((0, 0, 1920, 1080))


def test_more_digits_than_a_message_holds_are_cut_to_the_surest() -> None:
    (reading,) = inference.read_batch(cast(FrameRecognizer, FakeReader(MAX_DIGITS + 5)), [page("a", 48, 64, 64, 48)])
    assert len(reading.digits) == MAX_DIGITS


def test_what_was_refused_is_counted_by_camera() -> None:
    refused = partial(REGISTRY.get_sample_value, "digitcam_rejects_total", {"camera": "refused"})
    inference.read_batch(cast(FrameRecognizer, FakeReader()), [page("refused", 48, 64, 64, 48)] * 2)
    assert refused() == 6


class Clock:
    """Time that only reading takes: so much for each page, and at first somewhat more."""

    def __init__(self, page_s: float, delays_s: Sequence[float] = ()) -> None:
        self.now, self.page_s, self.delays_s = 0.0, page_s, list(delays_s)
        self.sizes: list[int] = []

    def run(self, size: int) -> None:
        self.sizes.append(size)
        self.now += size * self.page_s + (self.delays_s.pop(0) if self.delays_s else 0.0)

    def find(self, budget_s: float) -> int:
        return inference.measure_batch_size(self.run, budget_s, lambda: self.now)


@pytest.mark.parametrize(
    ("page_s", "most"), [(0.1, 1), (0.019, 1), (0.018, 2), (0.007, 4), (0.001, 32), (1e-6, inference.MOST_PAGES)]
)
def test_batch_is_the_largest_that_is_read_in_time(page_s: float, most: int) -> None:
    assert Clock(page_s).find(0.0375) == most


def test_first_run_of_a_size_may_be_slow() -> None:
    assert Clock(0.007, delays_s=[0.03, 0.0, 0.02, 0.0]).find(0.0375) == 4


@pytest.mark.parametrize("page_s", [0.001, 0.007, 0.03])
@pytest.mark.parametrize("budget_s", [0.0375, 15.0])
def test_finding_the_batch_takes_no_longer_than_its_time_and_one_batch(page_s: float, budget_s: float) -> None:
    clock = Clock(page_s)
    clock.find(budget_s)
    assert clock.now <= inference.LOOK_S + clock.sizes[-1] * page_s


@pytest.mark.parametrize(("word", "sizes"), [("7", [1]), ("auto", [1, 2, 4, 8, 16, 32, 64, 128])])
def test_number_that_is_set_is_taken_as_it_is(word: str, sizes: list[int], make_settings: MakeSettings) -> None:
    tried: list[int] = []
    most = inference.choose_batch_size(make_settings(MAX_BATCH=word), tried.append, lambda: 0.0)
    assert (most, tried) == (7 if word == "7" else inference.MOST_PAGES, sizes)
    assert REGISTRY.get_sample_value("digitcam_max_batch") == most


def test_shipped_networks_read_the_sample() -> None:
    (digits,) = load_recognizer(MODELS).read([inference.draw_sample_frame(480)])
    assert sorted(digit.digit for digit in digits) == [2, 3, 7]
