"""The dense normaliser gives the networks what the normaliser of training gives them."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shared.demo.paper import load_digits
from shared.vision.fused.normaliser import CANVAS_PX, Crops, NormalisedInk, normalise_crops
from shared.vision.gray_frame import as_uint8
from shared.vision.normaliser import extract_inks, find_ink_box, measure_paper, normalise_inks

SIZES = [(74, 60), (56, 56), (40, 17), (17, 40), (28, 31), (13, 9), (80, 80), (79, 33), (5, 4), (3, 80), (1, 1)]


def draw_crop(height: int, width: int, seed: int, *, is_dark: bool) -> NDArray[np.uint8]:
    """Return a digit on paper in uneven light, with a camera's noise, and a piece of a neighbour at the edge."""
    rng = np.random.default_rng(seed)
    ink = cv2.resize(load_digits()[seed % 10, seed % 30], (width, height), interpolation=cv2.INTER_AREA) / 255
    ink[: height // 3, -max(1, width // 10) :] = 1
    light = np.linspace(1, 0.7, width)
    paper, pen = (60, 200) if is_dark else (210, 50)
    crop = (paper + (pen - paper) * ink) * light + rng.normal(0, 2, (height, width))
    return as_uint8(np.clip(np.rint(crop), 0, 255))


def normalise_dense(crops: list[NDArray[np.uint8]]) -> NormalisedInk:
    canvas = np.zeros((len(crops), CANVAS_PX, CANVAS_PX), np.float32)
    for place, crop in zip(canvas, crops, strict=True):
        place[: crop.shape[0], : crop.shape[1]] = crop
        place[crop.shape[0] :] = 77  # what lies beyond a crop does not matter
    heights, widths = torch.tensor([crop.shape for crop in crops], dtype=torch.float32).unbind(1)
    return normalise_crops(Crops(torch.from_numpy(canvas), heights, widths))


@pytest.mark.parametrize("is_dark", [False, True], ids=["paper", "blackboard"])
def test_same_images_boxes_of_ink_and_papers_as_in_training(is_dark: bool) -> None:
    crops = [draw_crop(*size, seed, is_dark=is_dark) for seed, size in enumerate(SIZES * 3)]
    inks = extract_inks(crops)
    expected, dense = normalise_inks(inks), normalise_dense(crops)
    off = np.abs(dense.images.numpy() - expected).max(axis=(1, 2))
    assert np.median(off) < 0.02
    assert (off < 0.1).mean() >= 0.9
    assert dense.has_ink.tolist() == expected.any(axis=(1, 2)).tolist()
    boxes = [find_ink_box(crop, ink, (0, 0)) for crop, ink in zip(crops, inks, strict=True)]
    same = [box == tuple(found) for box, found in zip(boxes, dense.boxes.tolist(), strict=True)]
    assert np.mean(same) >= 0.9
    assert dense.papers.tolist() == [measure_paper(crop) for crop in crops]


def test_paper_alone_has_no_ink() -> None:
    paper = [np.full((40, 30), 200, np.uint8), as_uint8(np.random.default_rng(1).integers(196, 204, (40, 30)))]
    dense = normalise_dense(paper)
    assert dense.has_ink.tolist() == [False, False]
    assert not dense.images.any()
