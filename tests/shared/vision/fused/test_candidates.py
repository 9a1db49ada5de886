"""Candidates are chosen as on a CPU: the same rule for the finest level, the same greedy suppression."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.networks.detector_channels import CHANNELS, REFINE, SCORE
from shared.vision.detection import (
    MAX_IOU,
    REFINE_MARGIN_CELLS,
    find_area_to_refine,
    make_pyramid,
    suppress_overlaps,
)
from shared.vision.fused.candidates import find_area, make_levels, run_detector, suppress_dense

LOW = -10.0


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(20, 300))
def test_suppression_keeps_what_the_greedy_choice_keeps(seed: int, count: int, spread_px: float) -> None:
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.uniform(0, spread_px, (count, 2)), rng.uniform(3, 60, (count, 2))], axis=1)
    boxes = np.asarray(boxes, np.float32)
    kept, is_settled = suppress_dense(torch.from_numpy(boxes[None]), torch.ones(1, count, dtype=torch.bool), 0.25, 60)
    assert is_settled.all()
    assert np.nonzero(kept[0].numpy())[0].tolist() == suppress_overlaps(boxes, MAX_IOU, count).tolist()


def test_suppression_that_needs_more_rounds_is_not_settled() -> None:
    """Each box overlaps the next one, so whether the last one stays depends on all."""
    chain = torch.tensor([[[6.0 * index, 0.0, 10.0, 10.0] for index in range(20)]])
    for rounds, is_enough in ((5, False), (25, True)):
        kept, is_settled = suppress_dense(chain, torch.ones(1, 20, dtype=torch.bool), 0.2, rounds)
        assert is_settled.tolist() == [is_enough]
    assert kept[0].tolist() == [True, False] * 10


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 14)), max_size=4))
def test_finest_level_is_used_where_it_is_read_on_a_cpu(cells: list[tuple[int, int]]) -> None:
    maps = np.full((CHANNELS, 12, 15), LOW, np.float32)
    for row, column in cells:
        maps[REFINE, row, column] = 3
    rows, columns = find_area_to_refine(maps, (180, 240))
    expected = np.zeros((24, 30), np.bool_)
    expected[rows.start // 8 : -(-rows.stop // 16) * 2, columns.start // 8 : -(-columns.stop // 16) * 2] = True
    area = find_area(torch.from_numpy(maps[None, REFINE]), 24, 30)[0].numpy()
    assert (area == expected).all() if cells else not area.any()


@settings(max_examples=20)
@given(st.integers(1, 300), st.integers(1, 300))
def test_pyramid_is_that_of_a_cpu(height: int, width: int) -> None:
    gray = np.random.default_rng(height + width).integers(0, 256, (height, width), np.uint8)
    expected = make_pyramid(gray)
    levels = make_levels(torch.from_numpy(gray[None]).float())
    assert [tuple(level.shape[1:]) for level in levels] == [level.shape for level in expected]
    assert all((level[0].numpy() == other).all() for level, other in zip(levels, expected, strict=True))


def test_cells_of_the_finest_level_count_only_where_they_are_asked_for() -> None:
    def detect(images: torch.Tensor) -> torch.Tensor:
        maps = torch.full((len(images), CHANNELS, images.shape[2] // 8, images.shape[3] // 8), LOW)
        if images.shape[2] == 192:
            maps[1, REFINE, 0, 0] = 3
        maps[:, SCORE] = 1
        return maps

    cells = run_detector(detect, make_levels(torch.zeros(2, 360, 480)))
    assert cells.shape[2] == (46 * 60) + (24 * 30) + (12 * 16) + (6 * 8)
    finest = cells[:, SCORE, : 46 * 60]
    side = 2 * (1 + REFINE_MARGIN_CELLS)
    assert (finest == 1).sum(1).tolist() == [0, side * side]
