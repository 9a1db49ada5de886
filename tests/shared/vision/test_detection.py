"""The detector's maps become boxes: each digit once, at its place, at any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.networks.detector_channels import ALIGN_PX, BOX, CHANNELS, CLASSES, REFINE, SCORE
from shared.vision.detection import (
    FRAME,
    MAX_CANDIDATES,
    Detections,
    LevelOutput,
    decode_cells,
    detect_batch,
    make_pyramid,
    select_cells,
    sort_cells,
    suppress_duplicates,
    to_input,
)

LOW = -10.0  # a logit


def empty_maps(rows: int = 20, columns: int = 20, frames: int = 1) -> NDArray[np.float32]:
    maps = np.zeros((frames, CHANNELS, rows, columns), np.float32)
    maps[:, [SCORE, REFINE]] = LOW
    return maps


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    """Return candidates with decreasing scores."""
    scores = np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores, np.zeros((len(boxes), 10), np.float32))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 7), (19, 19)])
def test_cell_with_a_high_score_becomes_a_box_around_its_centre(row: int, column: int) -> None:
    maps = empty_maps()
    maps[0, SCORE, row, column] = 3
    maps[0, BOX, row, column] = 0.25, -0.25, np.log(2), 0
    found = decode_cells(select_cells(LevelOutput(maps), 0.5))
    x, y = 8 * (column + 0.75), 8 * (row + 0.25)
    assert found.boxes.tolist() == [[x - 24, y - 12, 48, 24]]
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-3)))


def test_class_probabilities_sum_to_one() -> None:
    maps = empty_maps()
    maps[0, SCORE, 5, 5], maps[0, CLASSES, 5, 5] = 3, np.arange(10)
    assert np.exp(decode_cells(select_cells(LevelOutput(maps), 0.5)).log_p).sum() == pytest.approx(1, abs=1e-5)


def test_low_scores_give_no_candidates() -> None:
    assert len(decode_cells(select_cells(LevelOutput(empty_maps()), 0.1)).boxes) == 0


@pytest.mark.parametrize(
    ("second", "is_same"),
    [
        ((12, 11, 20, 30), True),  # the same digit, detected in the next cell
        ((14, 15, 10, 12), True),  # a part of the digit
        ((31, 10, 20, 30), False),  # its neighbour, which it touches
        ((24, 10, 20, 30), False),  # a neighbour written into it
        ((10, 60, 20, 30), False),  # the next line
    ],
)
def test_duplicates_are_suppressed_and_neighbours_stay(
    second: tuple[float, float, float, float], is_same: bool
) -> None:
    kept = suppress_duplicates(detections((10, 10, 20, 30), second))
    assert kept.boxes[0].tolist() == [10, 10, 20, 30]
    assert len(kept.boxes) == (1 if is_same else 2)


@pytest.mark.parametrize(("apart", "count"), [(8, 1), (20, 2)])
def test_two_slim_boxes_are_one_digit_unless_they_are_far_apart(apart: int, count: int) -> None:
    assert len(suppress_duplicates(detections((10, 10, 10, 50), (10 + apart, 10, 10, 50))).boxes) == count


def test_suppression_of_no_boxes_gives_none() -> None:
    assert len(suppress_duplicates(detections()).boxes) == 0


def test_of_a_crowd_the_best_candidates_are_kept() -> None:
    places = [(20.0 * column, 20.0 * row, 16.0, 16.0) for row in range(20) for column in range(20)]
    crowd = detections(*places)
    assert suppress_duplicates(crowd).scores.tolist() == crowd.scores[:MAX_CANDIDATES].tolist()


@given(st.integers(1, 700), st.integers(1, 700))
def test_pyramid_of_any_frame_ends_with_a_small_level(height: int, width: int) -> None:
    levels = make_pyramid(np.zeros((height, width), np.uint8))
    assert levels[0].shape == (height, width)
    assert all(min(level.shape) >= 1 for level in levels)
    assert max(levels[-1].shape) < 80 or min(levels[-1].shape) < 2


@given(st.integers(1, 200), st.integers(1, 200))
def test_input_is_aligned_and_in_range(height: int, width: int) -> None:
    gray = np.full((height, width), 255, np.uint8)
    images = to_input([gray, gray])
    assert images.shape[0] == 2
    assert images.shape[2] % ALIGN_PX == images.shape[3] % ALIGN_PX == 0
    assert images.min() == images.max() == 1


def test_small_levels_of_frames_share_a_run_and_each_candidate_keeps_its_frame() -> None:
    """The network finds a digit on the quarter and on the eighth, as far down as its frame is bright."""
    shapes = []

    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        shapes.append(images.shape)
        maps = empty_maps(images.shape[2] // 8, images.shape[3] // 8, len(images))
        if images.shape[3] < 240:
            for frame, image in enumerate(images):
                maps[frame, SCORE, round(image.mean() * 255), 0 if images.shape[3] == 128 else -1] = 3
        return maps

    grays = [np.full((360, 480), row, np.uint8) for row in range(5)]
    found = detect_batch(network, [make_pyramid(gray) for gray in grays])
    halves, quarters, eighths = [(1, 1, 192, 240)] * 5, [(4, 1, 96, 128), (1, 1, 96, 128)], [(5, 1, 48, 64)]
    assert shapes == halves + quarters + eighths
    for row, one in enumerate(found):
        middles = one.boxes[:, 1] + one.boxes[:, 3] / 2
        assert sorted(middles.tolist()) == [8 * scale * (row + 0.5) for scale in (4, 8)]


def test_cells_are_sorted_by_frame_then_by_score() -> None:
    maps = empty_maps(frames=2)
    maps[:, SCORE, 2, :3] = [1, 3, 2], [5, 4, 6]
    cells = sort_cells(select_cells(LevelOutput(maps, first_frame=7), 0.5))
    assert cells[:, SCORE].tolist() == [3, 2, 1, 6, 5, 4]
    assert cells[:, FRAME].tolist() == [7, 7, 7, 8, 8, 8]


def test_box_from_a_coarse_level_is_in_pixels_of_the_frame() -> None:
    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = empty_maps(images.shape[2] // 8, images.shape[3] // 8)
        if images.shape[3] == 160:
            maps[0, SCORE, 4, 6] = 3
        return maps

    (found,) = detect_batch(network, [make_pyramid(np.zeros((480, 640), np.uint8))])
    assert found.boxes.tolist() == [[4 * (52 - 12), 4 * (36 - 12), 96, 96]]


class RefiningDetector:
    """Asks to refine cells of the half, and finds a digit in the middle of its last input, or in its first cell."""

    def __init__(self, levels: int, *cells: tuple[int, int], finds_first: bool = False) -> None:
        self.levels, self.cells, self.shapes = levels, cells, list[tuple[int, ...]]()
        self.finds_first = finds_first

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        self.shapes.append(images.shape[2:])
        maps = empty_maps(images.shape[2] // 8, images.shape[3] // 8)
        if len(self.shapes) == 1:
            for row, column in self.cells:
                maps[0, REFINE, row, column] = 3
        if len(self.shapes) == self.levels:
            row, column = (0, 0) if self.finds_first else (maps.shape[2] // 2, maps.shape[3] // 2)
            maps[0, SCORE, row, column] = 3
        return maps


def test_finest_level_is_skipped_if_no_cell_asks_for_it() -> None:
    network = RefiningDetector(5)
    (found,) = detect_batch(network, [make_pyramid(np.zeros((480, 640), np.uint8))])
    assert len(found.boxes) == 0
    assert network.shapes == [(240, 320), (128, 160), (64, 80), (32, 48)]


def test_finest_level_is_read_around_the_cells_that_ask_for_it() -> None:
    network = RefiningDetector(5, (10, 20))
    (found,) = detect_batch(network, [make_pyramid(np.zeros((480, 640), np.uint8))])
    assert network.shapes[-1] == (7 * 16, 7 * 16)
    assert (found.boxes[0, :2] + found.boxes[0, 2:] / 2).tolist() == [17 * 16 + 7.5 * 8, 7 * 16 + 7.5 * 8]


@pytest.mark.parametrize(("cell", "count"), [((10, 20), 0), ((1, 1), 1), ((2, 20), 0)])
def test_digits_at_a_border_of_the_finest_level_count_only_where_the_frame_ends(
    cell: tuple[int, int], count: int
) -> None:
    network = RefiningDetector(5, cell, finds_first=True)
    (found,) = detect_batch(network, [make_pyramid(np.zeros((480, 640), np.uint8))])
    assert len(found.boxes) == count


@given(st.tuples(st.integers(0, 29), st.integers(0, 39)), st.tuples(st.integers(0, 29), st.integers(0, 39)))
def test_area_to_refine_stays_on_the_frame(one: tuple[int, int], other: tuple[int, int]) -> None:
    pyramid = make_pyramid(np.zeros((470, 630), np.uint8))
    network = RefiningDetector(len(pyramid), one, other)
    (found,) = detect_batch(network, [pyramid])
    x, y = found.boxes[0, :2] + found.boxes[0, 2:] / 2
    assert 0 <= x <= 640
    assert 0 <= y <= 480
    height, width = network.shapes[-1]
    assert height <= 480
    assert width <= 640


def test_frame_too_small_for_a_pyramid_is_read_whole() -> None:
    network = RefiningDetector(0)
    detect_batch(network, [[np.zeros((30, 40), np.uint8)]])
    assert network.shapes == [(32, 48)]
