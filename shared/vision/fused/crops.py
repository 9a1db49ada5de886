"""Cuts crops out of the pyramids of many frames at once, pixel by pixel as the recognizer on a CPU cuts them."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from shared.vision.fused.normaliser import CANVAS_PX, Crops
from shared.vision.normaliser import MARGIN
from shared.vision.recognizer import CROP_PX


class CutCrops(NamedTuple):
    """n crops; corners (n x 2: left, top) in pixels of their levels; scales (n): the frame's pixels per such pixel.

    is_inside (n) says whether a crop has any pixel.
    """

    crops: Crops
    corners: Tensor
    scales: Tensor
    is_inside: Tensor


def cut_crops(levels: Sequence[Tensor], pages: Tensor, boxes: Tensor) -> CutCrops:
    """Return the crops around boxes (n x 4, in pixels of the frame) of pages (n, indices into the levels).

    All levels lie one after the other in one row of pixels a page, so that one gather cuts crops of any level.
    """
    pixels = torch.cat([level.flatten(1) for level in levels], 1)
    shapes, starts = describe_levels(tuple(tuple(level.shape[1:]) for level in levels), pixels.device)
    exact = boxes.double()
    longest = exact[:, 2:].amax(1).clamp_min(1)
    level = (longest / CROP_PX).log2().ceil().clamp(0, len(shapes) - 1)
    scales = 2**level
    placed = exact / scales[:, None]
    margin = (MARGIN * placed[:, 2:].amax(1, keepdim=True)).clamp_min(2.0)
    height, width = shapes[level.long()].unbind(1)
    corners = (placed[:, :2] - margin).round().clamp_min(0)
    ends = (placed[:, :2] + placed[:, 2:] + margin).round()
    ends = torch.minimum(ends, torch.stack([width, height], 1))
    sizes = (ends - corners).clamp(0, CANVAS_PX)
    at = torch.arange(CANVAS_PX, device=boxes.device)
    rows = torch.minimum(corners[:, 1, None] + at, height[:, None] - 1)
    columns = torch.minimum(corners[:, :1] + at, width[:, None] - 1)
    where = starts[level.long()][:, None, None]
    where = where + (rows * width[:, None]).long()[:, :, None] + columns.long()[:, None]
    cut = pixels.flatten()[where + (pages.long() * pixels.shape[1])[:, None, None]]
    sizes = sizes.float()
    crops = Crops(cut, sizes[:, 1].clamp_min(1), sizes[:, 0].clamp_min(1))
    return CutCrops(crops, corners, scales, (sizes > 0).all(1))


@cache
def describe_levels(shapes: tuple[tuple[int, ...], ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return height and width of each level, and where it starts in its page's row of pixels.

    Nothing can be copied to the device while a CUDA graph is captured, so these are made before, and kept: graphs read
    them at their addresses.
    """
    sizes = torch.tensor(shapes, dtype=torch.float64)
    return sizes.to(device), (sizes.prod(1).cumsum(0) - sizes.prod(1)).long().to(device)
