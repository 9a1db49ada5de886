"""The times of one frame: of pages that are what they are called, each kind as often as the others."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import Digit
from training.evaluate import frame_time


class Slow:
    """A classifier whose own clock runs on by a millisecond for a page of paper, by three for anything else."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def read(self, pages: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        self.now_s += 0.001 if pages[0].mean() > 180 else 0.003
        return [()]


def test_times_are_of_each_kind_of_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_time, "digit_pages", lambda: [np.full((4, 4), grey, np.uint8) for grey in (200, 10, 200)])
    monkeypatch.setattr(frame_time, "empty_pages", lambda: [np.full((4, 4), 200, np.uint8)])
    monkeypatch.setattr(frame_time, "cluttered_pages", lambda: [np.full((4, 4), 10, np.uint8)])
    classifier = Slow()
    values = {row.what: row.value for row in frame_time.frames(classifier, "us", lambda: classifier.now_s)}
    assert values == pytest.approx(
        {
            "5 digits, p50, ms": 1, "5 digits, p99, ms": 3, "empty paper, p50, ms": 1, "empty paper, p99, ms": 1,
            "clutter, p50, ms": 3, "clutter, p99, ms": 3, "clutter over empty paper": 3,
        }
    )  # fmt: skip


def test_pages_are_frames_of_a_camera() -> None:
    for pages in (frame_time.digit_pages(), frame_time.empty_pages(), frame_time.cluttered_pages()):
        assert [page.shape for page in pages] == [(480, 640)] * frame_time.PAGES
    assert min(page.mean() for page in frame_time.empty_pages()) > max(
        page.mean() for page in frame_time.cluttered_pages()
    )
