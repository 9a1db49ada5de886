"""The detector's maps become boxes: each digit once, at its place, at every size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.networks.detector_channels import ALIGN_PX, BOX, CHANNELS, CLASSES, REFINE, SCORE
from shared.vision.detection import (
    Detections,
    LevelOutput,
    decode_cells,
    detect_batch,
    detect_digits,
    make_pyramid,
    select_cells,
    suppress_duplicates,
    to_input,
)

COLD = -10.0


def cold_maps(rows: int = 20, columns: int = 20) -> NDArray[np.float32]:
    maps = np.zeros((CHANNELS, rows, columns), np.float32)
    maps[[SCORE, REFINE]] = COLD
    return maps


def finds(*boxes: tuple[float, float, float, float]) -> Detections:
    """Candidates from the hottest to the coldest."""
    heat = np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), heat, np.zeros((len(boxes), 10), np.float32))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 7), (19, 19)])
def test_a_hot_cell_is_a_box_around_its_middle(row: int, column: int) -> None:
    maps = cold_maps()
    maps[SCORE, row, column] = 3
    maps[BOX, row, column] = 0.25, -0.25, np.log(2), 0
    found = decode_cells(select_cells(LevelOutput(maps), 0.5))
    x, y = 8 * (column + 0.75), 8 * (row + 0.25)
    assert found.boxes.tolist() == [[x - 24, y - 12, 48, 24]]
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-3)))


def test_class_evidence_sums_to_one() -> None:
    maps = cold_maps()
    maps[SCORE, 5, 5], maps[CLASSES, 5, 5] = 3, np.arange(10)
    assert np.exp(decode_cells(select_cells(LevelOutput(maps), 0.5)).log_p).sum() == pytest.approx(1, abs=1e-5)


def test_cold_maps_hold_nothing() -> None:
    assert len(decode_cells(select_cells(LevelOutput(cold_maps()), 0.1)).boxes) == 0


@pytest.mark.parametrize(
    ("second", "is_same"),
    [
        ((12, 11, 20, 30), True),  # the next cell's view of the same digit
        ((14, 15, 10, 12), True),  # a part of it
        ((31, 10, 20, 30), False),  # its neighbour, which it touches
        ((24, 10, 20, 30), False),  # a neighbour written into it
        ((10, 60, 20, 30), False),  # the next line
    ],
)
def test_a_digit_is_found_once_and_its_neighbour_stays(
    second: tuple[float, float, float, float], is_same: bool
) -> None:
    kept = suppress_duplicates(finds((10, 10, 20, 30), second))
    assert kept.boxes[0].tolist() == [10, 10, 20, 30]
    assert len(kept.boxes) == (1 if is_same else 2)


@pytest.mark.parametrize(("apart", "count"), [(8, 1), (20, 2)])
def test_slim_boxes_side_by_side_are_one_1_unless_there_is_room_for_two(apart: int, count: int) -> None:
    assert len(suppress_duplicates(finds((10, 10, 10, 50), (10 + apart, 10, 10, 50))).boxes) == count


def test_nothing_suppresses_to_nothing() -> None:
    assert len(suppress_duplicates(finds()).boxes) == 0


@given(st.integers(1, 700), st.integers(1, 700))
def test_every_page_has_a_pyramid_that_ends_small(height: int, width: int) -> None:
    levels = make_pyramid(np.zeros((height, width), np.uint8))
    assert levels[0].shape == (height, width)
    assert all(min(level.shape) >= 1 for level in levels)
    assert max(levels[-1].shape) < 80 or min(levels[-1].shape) < 2


@given(st.integers(1, 200), st.integers(1, 200))
def test_input_is_aligned_and_in_range(height: int, width: int) -> None:
    page = np.full((height, width), 255, np.uint8)
    images = to_input([page, page])
    assert images.shape[0] == 2
    assert images.shape[2] % ALIGN_PX == images.shape[3] % ALIGN_PX == 0
    assert images.min() == images.max() == 1


def test_the_network_is_asked_once_a_level_for_all_pages() -> None:
    asked = []

    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        asked.append(images.shape)
        return np.stack([cold_maps(images.shape[2] // 8, images.shape[3] // 8) for _ in images])

    pages = [make_pyramid(np.zeros((480, 640), np.uint8)) for _ in range(3)]
    assert [len(found.boxes) for found in detect_batch(network, pages)] == [0, 0, 0]
    assert asked == [(3, 1, 480, 640), (3, 1, 240, 320), (3, 1, 128, 160), (3, 1, 64, 80), (3, 1, 32, 48)]


def test_a_find_on_a_coarse_level_is_given_in_pixels_of_the_page() -> None:
    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = cold_maps(images.shape[2] // 8, images.shape[3] // 8)
        if images.shape[3] == 160:
            maps[SCORE, 4, 6] = 3
        return maps[None]

    (found,) = detect_batch(network, [make_pyramid(np.zeros((480, 640), np.uint8))])
    assert found.boxes.tolist() == [[4 * (52 - 12), 4 * (36 - 12), 96, 96]]


class Closer:
    """A network that wants cells of the half seen closer, and finds a digit in the middle of what it is asked last."""

    def __init__(self, levels: int, *wanted: tuple[int, int]) -> None:
        self.levels, self.wanted, self.asked = levels, wanted, list[tuple[int, ...]]()

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        self.asked.append(images.shape[2:])
        maps = cold_maps(images.shape[2] // 8, images.shape[3] // 8)
        if len(self.asked) == 1:
            for row, column in self.wanted:
                maps[REFINE, row, column] = 3
        if len(self.asked) == self.levels:
            maps[SCORE, maps.shape[1] // 2, maps.shape[2] // 2] = 3
        return maps[None]


def test_a_page_without_anything_small_is_not_looked_at_closely() -> None:
    network = Closer(5)
    assert len(detect_digits(network, make_pyramid(np.zeros((480, 640), np.uint8))).boxes) == 0
    assert network.asked == [(240, 320), (128, 160), (64, 80), (32, 48)]


def test_what_may_be_small_is_looked_at_closely_with_what_stands_around_it() -> None:
    network = Closer(5, (10, 20))
    found = detect_digits(network, make_pyramid(np.zeros((480, 640), np.uint8)))
    assert network.asked[-1] == (7 * 16, 7 * 16)
    assert (found.boxes[0, :2] + found.boxes[0, 2:] / 2).tolist() == [17 * 16 + 7.5 * 8, 7 * 16 + 7.5 * 8]


@given(st.tuples(st.integers(0, 29), st.integers(0, 39)), st.tuples(st.integers(0, 29), st.integers(0, 39)))
def test_a_closer_look_stays_on_the_page(one: tuple[int, int], other: tuple[int, int]) -> None:
    pyramid = make_pyramid(np.zeros((470, 630), np.uint8))
    network = Closer(len(pyramid), one, other)
    found = detect_digits(network, pyramid)
    x, y = found.boxes[0, :2] + found.boxes[0, 2:] / 2
    assert 0 <= x <= 640
    assert 0 <= y <= 480
    assert network.asked[-1] <= (480, 640)


def test_a_page_too_small_for_a_half_is_looked_at_whole() -> None:
    network = Closer(0)
    detect_digits(network, [np.zeros((30, 40), np.uint8)])
    assert network.asked == [(32, 48)]
