"""The chain of operations from pages to digits: detector, candidates, crops, normaliser, classifier, fusion.

Given a Capacity, no shape depends on what the pages show, and nothing waits for the device. So a CUDA graph can hold
the whole chain.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from shared.networks.detector_channels import SCORE
from shared.vision.detection import MAX_CANDIDATES, MIN_SCORE, to_logit
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fused.candidates import CandidateGrid, choose_candidates, make_levels, run_detector, suppress_dense
from shared.vision.fused.crops import cut_crops
from shared.vision.fused.evidence import fuse_dense, measure_slant_dense, read_log_p
from shared.vision.fused.normaliser import normalise_crops
from shared.vision.fusion import FITTED
from shared.vision.recognizer import MAX_IOU as MAX_DIGIT_IOU
from shared.vision.recognizer import MIN_LOG_P, SAME_INK

# a row of the answer: the page (-1: a spare row), the rank among its digits (-1: rejected), the box of the ink, log_p
PAGE, RANK, BOX, LOG_P = 0, 1, slice(2, 6), slice(6, 7 + NOT_A_DIGIT)
ROW_LENGTH = LOG_P.stop
# the first row of the answer: the most cells of a page, the candidates of all pages, whether more rounds are needed
CELLS, CROPS, IS_OPEN = range(3)
MAX_CROPS_AT_ONCE = 1024  # the dense operations need half a megabyte a crop


class Capacity(NamedTuple):
    """How much a batch may hold: cells of each page, candidates of all pages, rounds of suppression."""

    cells: int
    crops: int
    rounds: int


class FusedNetwork(nn.Module):
    """Both networks, and all that lies between them."""

    def __init__(self, detector: nn.Module, classifier: nn.Module, dtype: torch.dtype) -> None:
        """Take networks that are on the device already; they compute in dtype, all else in float32."""
        super().__init__()
        self.detector = detector.to(dtype).to(memory_format=torch.channels_last)
        self.classifier = classifier.to(dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype

    def forward(self, pages: Tensor, bare_ones: Tensor, capacity: Capacity) -> Tensor:
        """Return 1 + capacity.crops rows for pages (n x h x w uint8); the first says whether the capacity sufficed.

        bare_ones (n bool) says of each page whether a bare stroke is a 1.
        """
        levels, cells = self.detect(pages)
        grid = choose_candidates(cells, MIN_SCORE, MAX_CANDIDATES, capacity.cells, capacity.rounds)
        rows, is_settled = self.read(levels, grid, capacity.crops, bare_ones, capacity.rounds)
        is_open = ~(grid.is_settled & is_settled)
        head = torch.zeros((1, ROW_LENGTH), device=rows.device)
        head[0, CELLS], head[0, CROPS], head[0, IS_OPEN] = count_cells(cells), grid.kept.sum(), is_open.any()
        return torch.cat([head, rows])

    def detect(self, pages: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the pyramid of pages (n x h x w uint8), and all cells of it (candidates.py)."""
        levels = make_levels(pages.float())
        return levels, run_detector(self._run_detector, levels)

    def read(
        self, levels: Sequence[Tensor], grid: CandidateGrid, crops: int, bare_ones: Tensor, rounds: int
    ) -> tuple[Tensor, Tensor]:
        """Return a row for each of the first `crops` candidates, and for each page whether the ranks are final."""
        pages, cells = grid.kept.shape
        order = grid.kept.flatten().to(torch.uint8).sort(descending=True, stable=True).indices[:crops]
        is_used = grid.kept.flatten()[order]
        page = torch.div(order, cells, rounding_mode="floor")
        boxes = grid.boxes.flatten(0, 1)[order]
        parts = zip(*(torch.split(each, MAX_CROPS_AT_ONCE) for each in (page, boxes)), strict=True)
        read = [self._read_boxes(levels, *part) for part in parts]
        log_p, slant, ink_boxes, papers = (torch.cat(part) for part in zip(*read, strict=True))
        evidence = fuse_dense(
            FITTED,
            page=torch.where(is_used, page, -1),
            boxes=boxes,
            scores=grid.scores.flatten()[order],
            detector_log_p=grid.log_p.flatten(0, 1)[order],
            log_p=log_p,
            slant=slant,
            papers=papers,
            is_bare=bare_ones[page],
        )
        best = torch.where(is_used, evidence[:, :NOT_A_DIGIT].amax(1), -torch.inf)
        confidence = torch.full((pages * cells,), -torch.inf, device=best.device, dtype=best.dtype)
        confidence = confidence.scatter(0, order, best).view(pages, cells)
        inks = torch.zeros((pages * cells, 4), device=best.device, dtype=ink_boxes.dtype)
        inks = inks.index_copy(0, order, ink_boxes).view(pages, cells, 4)
        rank, is_settled = rank_digits(grid.boxes, inks, confidence, rounds)
        places = torch.stack([torch.where(is_used, page, -1), rank.flatten()[order]], 1)
        return torch.cat([places, ink_boxes, evidence], 1).float(), is_settled

    def _run_detector(self, images: Tensor) -> Tensor:
        maps: Tensor = self.detector(images.to(self.dtype, memory_format=torch.channels_last))
        return maps

    def _read_boxes(self, levels: Sequence[Tensor], page: Tensor, boxes: Tensor) -> tuple[Tensor, ...]:
        """Return the classifier's log_p, the ink's slant and box, and its paper's brightness in each box."""
        cut = cut_crops(levels, page, boxes)
        ink = normalise_crops(cut.crops)
        has_ink = ink.has_ink & cut.is_inside
        images = ink.images[:, None].to(self.dtype, memory_format=torch.channels_last)
        log_p = read_log_p(self.classifier(images).float(), has_ink)
        placed = (ink.boxes + torch.cat([cut.corners, torch.zeros_like(cut.corners)], 1)) * cut.scales[:, None]
        slant = torch.where(has_ink, measure_slant_dense(ink.images), 0)
        return log_p, slant, torch.where(has_ink[:, None], placed, boxes), torch.where(cut.is_inside, ink.papers, 0)


def count_cells(cells: Tensor) -> Tensor:
    """Return the most cells of a page that may be candidates."""
    return (cells[:, SCORE] >= to_logit(MIN_SCORE)).sum(1).amax()


def rank_digits(boxes: Tensor, inks: Tensor, confidence: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Return the rank of each candidate among its page's digits (n x cells; -1: none), and (n) if that is final.

    It is what shared.vision.recognizer.select_candidates() selects; confidence is a logarithm, -inf for no candidate.
    """
    best, order = confidence.sort(dim=1, descending=True, stable=True)
    placed, ink = (each.gather(1, order[:, :, None].expand(-1, -1, 4)) for each in (boxes, inks))
    kept, is_settled = suppress_dense(placed, best > MIN_LOG_P, MAX_DIGIT_IOU, rounds)
    apart = (ink[:, :, None] - ink[:, None]).abs().amax(3)
    is_same = (apart < SAME_INK * ink[:, :, None, 2:].amax(3)).tril(-1) & kept[:, None]
    kept = kept & ~is_same.any(2)
    rank = torch.where(kept, kept.cumsum(1) - 1, -1)
    return torch.full_like(order, -1).scatter(1, order, rank), is_settled
