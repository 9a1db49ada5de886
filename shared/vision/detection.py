"""Finds digits on whole pages: a small network's heat-map over a pyramid of the page, and what is read out of it.

The network sees digits of 11 to 76 pixels; halving the page until it is small shows it the larger ones. The page itself
is three quarters of all the pixels, so it is looked at only where its half shows that something small may be written.
Everything here is a pure function on arrays: the network itself is any function from pictures to maps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import as_uint8

STRIDE = 8  # page pixels a cell of the map
UNIT_PX = 24.0  # the size whose logarithm is 0 in the map
ALIGN = 16  # the network halves four times: pages are padded to a multiple of this
SMALLEST_LEVEL_PX = 40  # the pyramid ends before the long side is shorter: what fills it is then 40 to 80 px
KEEP = 0.35  # heat below this is no candidate: 6 a page of the demo are left
LOOK = 0.15  # a cell of the half that believes so much in something small has its place looked at closer,
AROUND = 3  # with so many cells around it: what stands beside a digit is evidence, too
# Of its longer side a box is taken to be wide: two slim ones beside each other, of one 1, overlap no more than that.
SLIMMEST = 0.4
OVERLAP, INSIDE = 0.25, 0.6  # boxes of the same digit, at least: intersection over union, over the smaller

Page = NDArray[np.uint8]
# 16 x rows x columns: logit of heat, logits of 0 to 9, dx, dy, log width, log height, logit of "look closer"
Maps = NDArray[np.float32]
MAPS, FACTS, CLOSER = 16, 15, 15  # how many there are, how many tell of a digit, which one tells where to look closer
Cells = NDArray[np.float32]  # n x 18: a cell of the maps (FACTS), its column and row, and its level's scale
Part = tuple[slice, slice]  # rows and columns of a page
WHOLE: Part = slice(None), slice(None)
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class DetectorOutput:
    """The network's maps of one level, or of a part of it.

    scale is page pixels to a pixel of the level, corner the level's column and row of cells where the maps begin.
    """

    maps: Maps
    scale: int = 1
    corner: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Detections:
    """Candidates of one page, best first: boxes (n x 4: x, y, width, height), heat (n, 0 to 1), log_p (n x 10)."""

    boxes: NDArray[np.float32]
    heat: NDArray[np.float32]
    log_p: NDArray[np.float32]

    def take(self, chosen: NDArray[np.intp]) -> "Detections":
        """Return the chosen candidates."""
        return Detections(self.boxes[chosen], self.heat[chosen], self.log_p[chosen])


def find_digits(network: Network, pyramids: Sequence[Sequence[Page]], keep: float = KEEP) -> list[Detections]:
    """Return the candidates of each page, given as pyramids of one size; the network is called once for each level."""
    hot: list[list[Cells]] = [[] for _ in pyramids]
    for number, level in enumerate(zip(*pyramids, strict=True)):
        for page, maps in enumerate(network(to_input(level))):
            hot[page].append(pick_hot(DetectorOutput(maps, 2**number), keep))
    return [drop_doubles(decode(np.concatenate(levels))) for levels in hot]


def gather(finds: Sequence[Detections]) -> Detections:
    """Return the candidates of all pages, page by page."""
    return Detections(*(np.concatenate([getattr(found, name) for found in finds]) for name in Detections.__slots__))


def find_on_page(network: Network, pyramid: Sequence[Page], keep: float = KEEP) -> Detections:
    """Return the candidates of a page; its finest level is looked at only where the next one says so."""
    return drop_doubles(decode(np.concatenate([pick_hot(seen, keep) for seen in survey(network, pyramid)])))


def survey(network: Network, pyramid: Sequence[Page], *, everywhere: bool = False) -> list[DetectorOutput]:
    """Return what the network says of each level of a page: of the finest where it is called for, or everywhere."""
    page, *halves = pyramid
    seen = [DetectorOutput(network(to_input([half]))[0], 2**number) for number, half in enumerate(halves, 1)]
    rows, columns = find_small(seen[0].maps, page.shape) if seen and not everywhere else WHOLE
    if (part := page[rows, columns]).size:
        corner = (columns.start or 0) // STRIDE, (rows.start or 0) // STRIDE
        seen.append(DetectorOutput(network(to_input([part]))[0], 1, corner))
    return seen


def find_small(maps: Maps, shape: tuple[int, ...]) -> Part:
    """Return the part of a page in which its half, by these maps, shows what may be too small for it; it may be empty.

    Its sides lie where the network's cells do, or at the page's edge.
    """
    rows, columns = np.nonzero(maps[CLOSER] >= math.log(LOOK / (1 - LOOK)))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    cell = 2 * STRIDE  # of the half, in pixels of the page
    return (
        slice(max(0, int(rows.min()) - AROUND) * cell, min(shape[0], (int(rows.max()) + 1 + AROUND) * cell)),
        slice(max(0, int(columns.min()) - AROUND) * cell, min(shape[1], (int(columns.max()) + 1 + AROUND) * cell)),
    )


def make_pyramid(page: Page) -> list[Page]:
    """Return the page (grey uint8), then halves of it, until the next would be too small to hold anything new."""
    levels = [page]
    while max(levels[-1].shape) / 2 >= SMALLEST_LEVEL_PX and min(levels[-1].shape) >= 2:
        levels.append(halve(levels[-1]))
    return levels


def halve(page: Page) -> Page:
    """Return the page at half its size, each pixel the mean of four."""
    height, width = page.shape
    return as_uint8(cv2.resize(page[: height & ~1, : width & ~1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def to_input(level: Sequence[Page]) -> NDArray[np.float32]:
    """Return pages as N x 1 x H x W in 0 to 1, their edges continued until the sides are multiples of ALIGN."""
    height, width = level[0].shape
    padded = np.empty((len(level), 1, height + -height % ALIGN, width + -width % ALIGN), np.float32)
    for index, page in enumerate(level):
        np.multiply(page, np.float32(1 / 255), out=padded[index, 0, :height, :width])
    padded[:, :, height:, :width] = padded[:, :, height - 1 : height, :width]
    padded[:, :, :, width:] = padded[:, :, :, width - 1 : width]
    return padded


def pick_hot(seen: DetectorOutput, keep: float) -> Cells:
    """Return every cell that is at least so hot."""
    rows, columns = np.nonzero(seen.maps[0] >= math.log(keep / (1 - keep)))
    cells = np.empty((len(rows), FACTS + 3), np.float32)
    cells[:, :FACTS] = seen.maps[:FACTS, rows, columns].T
    cells[:, -3], cells[:, -2], cells[:, -1] = columns + seen.corner[0], rows + seen.corner[1], seen.scale
    return cells


def decode(cells: Cells) -> Detections:
    """Return hot cells as candidates, the hottest first, in pixels of the page."""
    cells = cells[np.argsort(-cells[:, 0], kind="stable")]
    sizes = UNIT_PX * np.exp(np.clip(cells[:, 13:15], -3, 3))
    centres = STRIDE * (cells[:, 15:17] + cells[:, 11:13] + 0.5)
    boxes = np.concatenate([centres - sizes / 2, sizes], axis=1) * cells[:, 17:]
    heat = np.asarray(1 / (1 + np.exp(-cells[:, 0])), np.float32)
    return Detections(boxes, heat, log_softmax(cells[:, 1:11]))


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return logarithms of probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float32)


def drop_doubles(finds: Detections) -> Detections:
    """Drop every candidate that a hotter one covers: the same digit, seen from the next cell or level."""
    return finds.take(keep_apart(finds.boxes, OVERLAP))


def keep_apart(boxes: NDArray[np.float32], overlap: float) -> NDArray[np.intp]:
    """Return which boxes (n x 4, the best first) to keep, so that no two overlap more than that or lie in each other.

    overlap is the intersection over the union.
    """
    same = are_same(boxes, overlap)
    left, kept = np.arange(len(boxes)), []
    while left.size:
        kept.append(left[0])
        left = left[1:][~same[left[0], left[1:]]]
    return np.array(kept, np.intp)


def are_same(boxes: NDArray[np.float32], overlap: float) -> NDArray[np.bool_]:
    """Return, for each pair of boxes (n x n), whether they overlap more than that or one lies in the other."""
    sizes = np.maximum(boxes[:, 2:], SLIMMEST * boxes[:, :1:-1])
    corners = np.concatenate([boxes[:, :2] + (boxes[:, 2:] - sizes) / 2] * 2, axis=1)
    corners[:, 2:] += sizes
    areas = sizes[:, 0] * sizes[:, 1]
    shared = intersection(corners[:, None], corners[None])
    in_union = shared > overlap * (areas[:, None] + areas[None] - shared)
    return np.asarray(in_union | (shared > INSIDE * np.minimum(areas[:, None], areas[None])), bool)


def intersection(corners: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas that boxes (... x 4: left, top, right, bottom) share with others, by numpy's broadcasting."""
    sides = np.minimum(corners[..., 2:], others[..., 2:]) - np.maximum(corners[..., :2], others[..., :2])
    np.maximum(sides, 0, out=sides)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)
