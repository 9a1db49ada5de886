"""Finder and reader together: evidence is added, paper without ink is no digit, pages keep their order."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from shared.vision.find import Finds, log_softmax, make_pyramid
from shared.vision.fuse import FusedReader, Fusion, Network, fuse, see

HOT, COLD = 2.0, -10.0


def page_with_stroke(height: int = 160, width: int = 160) -> NDArray[np.uint8]:
    """Light paper with a dark stroke, 8 x 40 pixels, around (76, 68)."""
    page = np.full((height, width), 220, np.uint8)
    cv2.rectangle(page, (72, 48), (79, 87), 30, cv2.FILLED)
    return page


def finder_at(row: int, column: int) -> Network:
    """A finder that, on the finest level of any page, is hot in one cell, and says 4 there."""

    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = np.zeros((len(images), 15, images.shape[2] // 8, images.shape[3] // 8), np.float32)
        maps[:, 0] = COLD
        if images.shape[3] >= 160:
            maps[:, 0, row, column], maps[:, 5, row, column], maps[:, 13:, row, column] = HOT, 3, np.log(2)
        return maps

    return network


def reader_of(label: int) -> Network:
    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = np.zeros((len(images), 11), np.float32)
        logits[:, label] = 8
        return logits

    return network


def candidate(heat: float, label: int) -> Finds:
    logits = np.zeros((1, 10), np.float32)
    logits[0, label] = 3
    return Finds(np.zeros((1, 4), np.float32), np.array([heat], np.float32), log_softmax(logits))


def shape(label: int, strength: float = 4) -> NDArray[np.float32]:
    logits = np.zeros((1, 11), np.float32)
    logits[0, label] = strength
    return log_softmax(logits)


def test_evidence_is_a_probability() -> None:
    assert np.exp(fuse(Fusion(), candidate(0.6, 3), shape(5))).sum() == pytest.approx(1)


def test_both_witnesses_count_for_a_digit() -> None:
    both = fuse(Fusion(), candidate(0.8, 3), shape(3))[0]
    by_heat_alone = fuse(Fusion(), candidate(0.8, 3), shape(NOT_A_DIGIT))[0]
    by_shape_alone = fuse(Fusion(), candidate(0.1, 3), shape(3))[0]
    assert both[3] > max(by_heat_alone[3], by_shape_alone[3])


def test_a_sure_no_of_the_reader_refuses_a_hot_cell() -> None:
    assert fuse(Fusion(), candidate(0.9, 3), shape(NOT_A_DIGIT, 12))[0].argmax() == NOT_A_DIGIT


@pytest.mark.parametrize("heat", [0.0, 1.0])
def test_extreme_heat_stays_finite(heat: float) -> None:
    assert np.isfinite(fuse(Fusion(), candidate(heat, 3), shape(3))).all()


def test_a_digit_is_read_at_its_place() -> None:
    (digits,) = FusedReader(finder_at(8, 9), reader_of(7)).read([page_with_stroke()])
    (digit,) = digits
    assert digit.digit == 7
    assert digit.box == (52, 44, 48, 48)
    assert digit.confidence > 0.5


def test_paper_without_ink_is_no_digit() -> None:
    blank = np.full((160, 160), 220, np.uint8)
    assert FusedReader(finder_at(8, 9), reader_of(7)).read([blank]) == [()]


def test_pages_of_different_sizes_keep_their_order() -> None:
    blank, small = np.full((200, 240), 220, np.uint8), page_with_stroke()
    large = page_with_stroke(200, 240)
    read = FusedReader(finder_at(8, 9), reader_of(7)).read([blank, small, large, small])
    assert [len(digits) for digits in read] == [0, 1, 1, 1]


def test_no_pages_give_no_readings() -> None:
    assert FusedReader(finder_at(8, 9), reader_of(7)).read([]) == []


def test_a_large_digit_is_cut_from_a_coarser_level() -> None:
    page = np.full((640, 640), 220, np.uint8)
    cv2.rectangle(page, (280, 120), (360, 520), 30, cv2.FILLED)
    image = see(make_pyramid(page), (260, 110, 120, 420))
    assert image is not None
    assert image.shape == (28, 28)
    rows = np.flatnonzero(image.max(axis=1) > 0.5)
    assert rows.max() - rows.min() + 1 == 20


@pytest.mark.parametrize("box", [(-500, -500, 20, 20), (900, 900, 20, 20), (10, 10, 0, 0)])
def test_a_box_beside_the_page_holds_nothing(box: tuple[float, float, float, float]) -> None:
    assert see(make_pyramid(np.full((160, 160), 220, np.uint8)), box) is None
