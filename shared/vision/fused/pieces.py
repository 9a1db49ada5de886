"""Finds connected pieces of ink in many small masks at once, in a fixed number of dense steps."""

import torch
from torch import Tensor
from torch.nn import functional

# steps until each piece has one number: spirals that fill 80 x 80 need 6, noise and blots at most 5
ROUNDS = 8


def label_pieces(masks: Tensor) -> Tensor:
    """Return n x (1 + h * w) int64: for each pixel of the masks (n x h x w bool) a number that its piece shares.

    Index 0 stands for all pixels that are not set. The number of a piece is the index of its last pixel, where pixels
    are counted from 1, row by row. Pieces touch at corners too. In each step a pixel takes the largest number next to
    it, and so does the pixel that its old number names: so numbers travel whole pieces, not pixels.
    """
    count, height, width = masks.shape
    own = torch.arange(1 + height * width, device=masks.device, dtype=torch.int64)
    inside = masks.flatten(1)
    labels = functional.pad(own[1:] * inside, (1, 0))
    for _ in range(ROUNDS):
        near = functional.max_pool2d(labels[:, 1:].float().view(count, 1, height, width), 3, 1, 1)
        spread = functional.pad(near.flatten(1).long() * inside, (1, 0))
        named = torch.where(labels > 0, labels, own)  # were it 0 for all paper, its writes would wait for each other
        joined = torch.maximum(labels, spread).scatter_reduce(1, named, spread, "amax")
        labels = joined.gather(1, joined)
        labels = labels.gather(1, labels)
    return labels


def keep_character(masks: Tensor, inside_edge: Tensor, speck: float) -> Tensor:
    """Return masks (n x h x w bool) without specks and without pieces that are not within inside_edge (n x h x w bool).

    The largest piece stays. A speck has at most this share of its area.
    """
    labels = label_pieces(masks)
    zeros = torch.zeros(labels.shape, device=masks.device)
    areas = zeros.scatter_add(1, labels[:, 1:], masks.flatten(1).float())
    cut = zeros.scatter_add(1, labels[:, 1:], (masks & ~inside_edge).flatten(1).float())
    largest, which = areas.max(1, keepdim=True)
    kept = ((cut == 0) & (areas > speck * largest)).scatter(1, which, value=True)
    kept[:, 0] = False
    return kept.gather(1, labels[:, 1:]).view_as(masks)
