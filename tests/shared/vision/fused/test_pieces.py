"""Dense steps find the pieces of ink that OpenCV finds."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shared.vision.fused.normaliser import CANVAS_PX
from shared.vision.fused.pieces import keep_character, label_pieces
from shared.vision.gray_frame import as_uint8

Mask = NDArray[np.bool_]


def draw_spiral() -> Mask:
    """Return one line of 3,000 pixels that winds from the edge to the middle."""
    mask = np.zeros((CANVAS_PX, CANVAS_PX), np.bool_)
    first, last = 0, CANVAS_PX - 1
    while last - first > 2:
        mask[first, first : last + 1] = mask[first : last + 1, last] = mask[last, first : last + 1] = True
        mask[first + 2 : last + 1, first] = mask[first + 2, first : first + 3] = True
        first, last = first + 2, last - 2
    return mask


def draw_noise(share: float) -> Mask:
    return np.random.default_rng(round(100 * share)).random((CANVAS_PX, CANVAS_PX)) < share


MASKS = {
    "nothing": np.zeros((CANVAS_PX, CANVAS_PX), np.bool_),
    "all": np.ones((CANVAS_PX, CANVAS_PX), np.bool_),
    "spiral": draw_spiral(),
    "spiral from below": draw_spiral()[::-1].copy(),
} | {f"noise {share}": draw_noise(share) for share in (0.2, 0.35, 0.4, 0.5)}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_each_piece_has_one_number_of_its_own(mask: Mask) -> None:
    count, expected = cv2.connectedComponents(as_uint8(mask), connectivity=8)
    numbers = label_pieces(torch.from_numpy(mask[None]))[0, 1:].numpy().reshape(mask.shape)
    pairs = set(zip(expected.ravel().tolist(), numbers.ravel().tolist(), strict=True)) | {(0, 0)}
    assert len(pairs) == len({number for _, number in pairs}) == count


def test_specks_and_pieces_at_the_edge_are_dropped_and_the_largest_stays() -> None:
    mask = np.zeros((CANVAS_PX, CANVAS_PX), np.bool_)
    mask[0:30, 20:30] = True  # the largest touches the edge
    mask[40:50, 40:50] = True
    mask[60:62, 60:62] = True  # a speck
    mask[70:80, 0:10] = True  # a neighbour's
    inside = np.zeros_like(mask)
    inside[1:-1, 1:-1] = True
    kept = keep_character(torch.from_numpy(mask[None]), torch.from_numpy(inside[None]), 0.03)[0].numpy()
    assert kept.sum() == 300 + 100
    assert kept[10, 25]
    assert kept[45, 45]
