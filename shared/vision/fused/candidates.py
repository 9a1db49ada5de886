"""shared/vision/detection.py for many frames of one size at once, with a fixed number of cells a frame."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from shared.networks.detector_channels import (
    ALIGN_PX,
    CHANNELS,
    CLASSES,
    LOG_SIZE,
    OFFSET,
    REFINE,
    SCORE,
    STRIDE_PX,
    UNIT_PX,
)
from shared.vision.detection import (
    MAX_INSIDE,
    MAX_IOU,
    MIN_ASPECT,
    MIN_REFINE_SCORE,
    REFINE_MARGIN_CELLS,
    SMALLEST_LEVEL_PX,
    to_logit,
)

X, Y, SCALE = CHANNELS, CHANNELS + 1, CHANNELS + 2  # channels of a cell's place, behind those of the detector
Convolve = Callable[[Tensor], Tensor]  # n x 1 x h x w in 0 to 1 -> n x CHANNELS x h / STRIDE_PX x w / STRIDE_PX


class CandidateGrid(NamedTuple):
    """The best cells of n frames, n x cells each, best first: boxes (... x 4), scores (logits) and log_p (... x 10).

    kept says which of them are candidates. is_settled (n) says whether that is known for all of a frame's.
    """

    boxes: Tensor
    scores: Tensor
    log_p: Tensor
    kept: Tensor
    is_settled: Tensor


def make_levels(pages: Tensor) -> list[Tensor]:
    """Return the pyramid of pages (n x h x w float, whole gray levels), as shared.vision.detection.make_pyramid()."""
    levels = [pages]
    while max(levels[-1].shape[1:]) / 2 >= SMALLEST_LEVEL_PX and min(levels[-1].shape[1:]) >= 2:
        height, width = levels[-1].shape[1:]
        even = levels[-1][:, None, : height & ~1, : width & ~1]
        levels.append((functional.avg_pool2d(even, 2) + 0.5).floor()[:, 0])  # OpenCV rounds up here
    return levels


def run_detector(detector: Convolve, levels: Sequence[Tensor]) -> Tensor:
    """Return all cells of all levels (n x CHANNELS + 3 x cells), with the scores of those that are not used at -inf.

    The finest level goes through the detector whole, and is used where the next one asks for it.
    """
    maps = [detect_level(detector, level) for level in levels]
    if len(maps) > 1:
        height, width = maps[0].shape[2:]
        area = find_area(maps[1][:, REFINE], height, width)
        maps[0][:, SCORE] = maps[0][:, SCORE].masked_fill(~area, -torch.inf)
    placed = [torch.cat([one, make_places(one, 2**number)], 1) for number, one in enumerate(maps)]
    return torch.cat([one.flatten(2) for one in placed], 2)


def detect_level(detector: Convolve, level: Tensor) -> Tensor:
    height, width = level.shape[1:]
    padded = functional.pad(level[:, None], (0, -width % ALIGN_PX, 0, -height % ALIGN_PX), mode="replicate")
    return detector(padded / 255).float()


def find_area(refine: Tensor, height: int, width: int) -> Tensor:
    """Return where cells of the finest level (n x height x width) are used, as shared.vision.detection does.

    refine: the logits of the next coarser level's cells.
    """
    asked = refine >= to_logit(MIN_REFINE_SCORE)

    def find_range(along: Tensor, size: int) -> Tensor:
        at = torch.arange(along.shape[1], device=along.device, dtype=torch.float32)
        first = torch.where(along, at, torch.inf).amin(1, keepdim=True) - REFINE_MARGIN_CELLS
        last = torch.where(along, at, -torch.inf).amax(1, keepdim=True) + REFINE_MARGIN_CELLS
        half = torch.arange(size, device=along.device).div(2, rounding_mode="floor")
        return (half >= first) & (half <= last)

    return find_range(asked.any(2), height)[:, :, None] & find_range(asked.any(1), width)[:, None]


def make_places(maps: Tensor, scale: int) -> Tensor:
    """Return n x 3 x rows x columns: the column, the row and the scale of each cell."""
    count, _, rows, columns = maps.shape
    y, x = (torch.arange(size, device=maps.device, dtype=maps.dtype) for size in (rows, columns))
    places = [x.expand(rows, columns), y[:, None].expand(rows, columns), torch.full_like(maps[0, 0], scale)]
    return torch.stack(places).expand(count, 3, rows, columns)


def choose_candidates(cells: Tensor, min_score: float, max_kept: int, most: int, rounds: int) -> CandidateGrid:
    """Return the `most` best cells of each frame; of those that overlap, the best is kept, and at most max_kept."""
    scores, chosen = cells[:, SCORE].topk(min(most, cells.shape[2]), dim=1)
    best = cells.gather(2, chosen[:, None].expand(-1, cells.shape[1], -1)).transpose(1, 2)
    sizes = UNIT_PX * best[..., LOG_SIZE].clamp(-3, 3).exp()
    centres = STRIDE_PX * (best[..., X : Y + 1] + best[..., OFFSET] + 0.5)
    boxes = torch.cat([centres - sizes / 2, sizes], 2) * best[..., SCALE, None]
    kept, is_settled = suppress_dense(boxes, scores >= to_logit(min_score), MAX_IOU, rounds)
    kept &= kept.cumsum(1) <= max_kept
    return CandidateGrid(boxes, scores, best[..., CLASSES].log_softmax(2), kept, is_settled)


def suppress_dense(boxes: Tensor, is_open: Tensor, max_iou: float, rounds: int) -> tuple[Tensor, Tensor]:
    """Return which boxes (n x m x 4, best first; is_open: n x m) no better kept box overlaps, and (n) if that is final.

    Each round decides anew about all boxes by those that the last one kept. The greedy choice of
    shared.vision.detection.suppress_overlaps() is the only one that a further round leaves as it is. A round settles at
    least one box more, and in fact nearly all.
    """
    sizes = torch.maximum(boxes[..., 2:], MIN_ASPECT * boxes[..., 2:].flip(-1))
    begin = boxes[..., :2] + (boxes[..., 2:] - sizes) / 2
    end, areas = begin + sizes, sizes.prod(2)
    sides = torch.minimum(end[:, :, None], end[:, None]) - torch.maximum(begin[:, :, None], begin[:, None])
    shared = sides.clamp_min(0).prod(3)
    one, other = areas[:, :, None], areas[:, None]
    overlaps = (shared > max_iou * (one + other - shared)) | (shared > MAX_INSIDE * torch.minimum(one, other))
    overlaps = overlaps.triu(1) & is_open[:, :, None]
    kept = is_open
    before = kept
    for _ in range(rounds):
        before, kept = kept, is_open & ~(overlaps & kept[:, :, None]).any(1)
    return kept, (kept == before).all(1)
