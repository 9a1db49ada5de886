"""Finds digits on whole gray frames: runs the detector over a pyramid of the frame and decodes its maps into boxes.

The detector sees digits of 11 to 76 pixels. Halving the frame until it is small shows it the larger ones. The frame at
full resolution holds three quarters of all pixels, so the detector reads only that part of it where the half shows
something too small to decide. All functions here are pure; the detector is any function from images to maps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

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
from shared.vision.gray_frame import Gray, halve

SMALLEST_LEVEL_PX = 40  # the pyramid ends before the long side is shorter: a digit that fills it is then 40 to 80 px
MIN_SCORE = 0.35  # a cell with a lower score is not a candidate; that leaves 5 candidates in a frame of the demo
MAX_CANDIDATES = 320  # of a frame, the best: each takes 0.2 ms to read; a photograph with 220 digits has 287
MIN_REFINE_SCORE = 0.3  # a cell of the half with this score has its place detected at full resolution,
REFINE_MARGIN_CELLS = 2  # with this margin around it: what surrounds a digit is evidence, too;
CONTEXT_CELLS = 1  # and so much around that is read and not used, since scores at the border of what is read are wrong
HALF_CELL_PX = 2 * STRIDE_PX  # pixels of a frame that a cell of its half covers
# levels of several frames that have no more pixels together go through the detector at once: 0.19 instead of 0.25 ms a
# frame for the quarter and the eighth of 480 x 360; maps of larger levels fit the processor's cache one frame at a time
AT_ONCE_PX = 50_000
MIN_ASPECT = 0.4  # narrower boxes are widened to this before they are compared: two slim boxes of one 1 overlap little
MAX_IOU, MAX_INSIDE = 0.25, 0.6  # boxes that share more of their union, or of the smaller one, are the same digit


Maps = NDArray[np.float32]  # frames x CHANNELS x rows x columns (detector_channels.py)
Detector = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # N x 1 x H x W -> N maps
Area = tuple[slice, slice]  # rows and columns of a frame
Shape = tuple[float, float, float, float, float]  # left, top, right, bottom, area

# n x CELL_LENGTH: the channels of a cell, its column and row, the frame's pixels per pixel of its level, and its frame
Cells = NDArray[np.float32]
COLUMN, ROW, SCALE, FRAME, CELL_LENGTH = range(CHANNELS, CHANNELS + 5)
POSITION = slice(COLUMN, ROW + 1)


@dataclass(frozen=True, slots=True)
class LevelOutput:
    """The detector's maps of one level of the pyramids of consecutive frames, or of an area of it.

    scale is the frame's pixels per pixel of the level; corner is the column and row of the level's cell at which the
    maps begin; first_frame is the index of the first of the frames.
    """

    maps: Maps
    scale: int = 1
    corner: tuple[int, int] = (0, 0)
    first_frame: int = 0


@dataclass(frozen=True, slots=True)
class Detections:
    """Candidates of one frame, best first: boxes (n x 4: x, y, width, height), scores (n, 0 to 1), log_p (n x 10)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    log_p: NDArray[np.float32]


def detect_batch(
    detector: Detector, pyramids: Sequence[Sequence[Gray]], min_score: float = MIN_SCORE
) -> list[Detections]:
    """Return the candidates of frames of one size, given as pyramids.

    A frame's finest level is read only where the next coarser one asks for it, and large levels frame by frame.
    """
    outputs = run_levels(detector, pyramids)
    cells = sort_cells(np.concatenate([select_cells(output, min_score) for output in outputs]))
    found = decode_cells(cells)
    ends = np.searchsorted(cells[:, FRAME], np.arange(len(pyramids) + 1)).tolist()
    frames = [slice(*pair) for pair in pairwise(ends)]
    return [suppress_duplicates(Detections(found.boxes[one], found.scores[one], found.log_p[one])) for one in frames]


def run_levels(detector: Detector, pyramids: Sequence[Sequence[Gray]]) -> list[LevelOutput]:
    """Return the detector's outputs for each level of frames of one size, as detect_batch() uses them."""
    finest, *coarser = zip(*pyramids, strict=True)
    outputs = [
        output
        for number, level in enumerate(coarser, 1)
        for output in run_level(detector, level, 2**number, AT_ONCE_PX // level[0].size)
    ]
    if not coarser:
        return outputs + run_level(detector, finest, 1, len(finest))
    halves = [maps for output in outputs if output.scale == 2 for maps in output.maps]
    return outputs + [
        refine(detector, gray, area, frame)
        for frame, (gray, maps) in enumerate(zip(finest, halves, strict=True))
        if gray[area := find_area_to_refine(maps, gray.shape)].size
    ]


def run_level(detector: Detector, grays: Sequence[Gray], scale: int, at_once: int) -> list[LevelOutput]:
    """Return the detector's outputs for one level of frames, of so many frames at once (at least one)."""
    step = max(1, at_once)
    return [
        LevelOutput(detector(to_input(grays[first : first + step])), scale, first_frame=first)
        for first in range(0, len(grays), step)
    ]


def find_area_to_refine(maps: NDArray[np.float32], shape: tuple[int, ...]) -> Area:
    """Return the area of a frame in which the maps of its half (CHANNELS x ...) ask for more resolution.

    It may be empty.
    Its sides lie on borders of the half's cells, or at the frame's edge.
    """
    cells = np.nonzero(maps[REFINE] >= to_logit(MIN_REFINE_SCORE))
    if not cells[0].size:
        return slice(0, 0), slice(0, 0)
    rows, columns = (
        slice(
            max(0, int(along.min()) - REFINE_MARGIN_CELLS) * HALF_CELL_PX,
            min(side, (int(along.max()) + 1 + REFINE_MARGIN_CELLS) * HALF_CELL_PX),
        )
        for along, side in zip(cells, shape, strict=True)
    )
    return rows, columns


def refine(detector: Detector, gray: Gray, area: Area, frame: int) -> LevelOutput:
    """Return the maps of an area of a frame at full resolution, detected with CONTEXT_CELLS around it."""
    rows, columns = area
    top, left = (max(0, along.start - CONTEXT_CELLS * HALF_CELL_PX) for along in area)
    bottom, right = (along.stop + CONTEXT_CELLS * HALF_CELL_PX for along in area)
    maps = detector(to_input([gray[top:bottom, left:right]]))
    maps = maps[..., (rows.start - top) // STRIDE_PX : 2 * math.ceil((rows.stop - top) / HALF_CELL_PX), :]
    maps = maps[..., (columns.start - left) // STRIDE_PX : 2 * math.ceil((columns.stop - left) / HALF_CELL_PX)]
    return LevelOutput(maps, 1, (columns.start // STRIDE_PX, rows.start // STRIDE_PX), frame)


def make_pyramid(gray: Gray) -> list[Gray]:
    """Return the frame, then halves of it, until the next would be too small to hold anything new."""
    levels = [gray]
    while max(levels[-1].shape) / 2 >= SMALLEST_LEVEL_PX and min(levels[-1].shape) >= 2:
        levels.append(halve(levels[-1]))
    return levels


def to_input(grays: Sequence[Gray]) -> NDArray[np.float32]:
    """Return frames of one size as N x 1 x H x W in 0 to 1, their edges repeated up to multiples of ALIGN_PX."""
    height, width = grays[0].shape
    padded = np.empty((len(grays), 1, height + -height % ALIGN_PX, width + -width % ALIGN_PX), np.float32)
    for index, gray in enumerate(grays):
        padded[index, 0, :height, :width] = gray
    padded[:, :, height:, :width] = padded[:, :, height - 1 : height, :width]
    padded[:, :, :, width:] = padded[:, :, :, width - 1 : width]
    padded *= np.float32(1 / 255)
    return padded


def select_cells(output: LevelOutput, min_score: float) -> Cells:
    """Return every cell with at least this score."""
    frames, rows, columns = np.nonzero(output.maps[:, SCORE] >= to_logit(min_score))
    cells = np.empty((len(rows), CELL_LENGTH), np.float32)
    if len(rows):  # most levels of most frames show nothing
        cells[:, :CHANNELS] = output.maps[frames, :, rows, columns]
        cells[:, COLUMN], cells[:, ROW] = columns + output.corner[0], rows + output.corner[1]
        cells[:, SCALE], cells[:, FRAME] = output.scale, frames + output.first_frame
    return cells


def sort_cells(cells: Cells) -> Cells:
    """Return the cells frame by frame, the highest score first."""
    return cells[np.lexsort((-cells[:, SCORE], cells[:, FRAME]))]


def decode_cells(cells: Cells) -> Detections:
    """Return cells as candidates, in their order, their boxes in pixels of the frame."""
    sizes = UNIT_PX * np.exp(np.clip(cells[:, LOG_SIZE], -3, 3))
    centres = STRIDE_PX * (cells[:, POSITION] + cells[:, OFFSET] + 0.5)
    boxes = np.concatenate([centres - sizes / 2, sizes], axis=1) * cells[:, SCALE, None]
    return Detections(boxes, sigmoid(cells[:, SCORE]), log_softmax(cells[:, CLASSES]))


def to_logit(probability: float) -> float:
    """Return the log-odds of a probability."""
    return math.log(probability / (1 - probability))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return logarithms of probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float32)


def suppress_duplicates(detections: Detections) -> Detections:
    """Drop each candidate that overlaps a better one: the same digit, detected in the next cell or level.

    Of the others the best MAX_CANDIDATES stay, which bounds the time that a crowded frame takes.
    """
    kept = suppress_overlaps(detections.boxes, MAX_IOU, MAX_CANDIDATES)
    return Detections(detections.boxes[kept], detections.scores[kept], detections.log_p[kept])


def suppress_overlaps(boxes: NDArray[np.float32], max_iou: float, most: int) -> NDArray[np.intp]:
    """Return the indices of the boxes (n x 4, best first) that no better box overlaps, `most` at most.

    This is non-maximum suppression.
    Two boxes overlap if their intersection over union is above max_iou, or if most of one lies inside the other. Plain
    Python, because numpy takes twice as long for the 18 cells of a frame, and seven times for its three digits.
    """
    kept: list[int] = []
    shapes: list[Shape] = []  # of those that are kept
    for index, box in enumerate(boxes.tolist()):
        if len(kept) == most:
            break
        shape = widen_box(*box)
        if not overlaps_any(shape, shapes, max_iou):
            kept.append(index)
            shapes.append(shape)
    return np.array(kept, np.intp)


def widen_box(x: float, y: float, width: float, height: float) -> Shape:
    """Return a box, widened if it is slim, as left, top, right, bottom and area."""
    if width < MIN_ASPECT * height:
        x, width = x - (MIN_ASPECT * height - width) / 2, MIN_ASPECT * height
    elif height < MIN_ASPECT * width:
        y, height = y - (MIN_ASPECT * width - height) / 2, MIN_ASPECT * width
    return x, y, x + width, y + height, width * height


def overlaps_any(shape: Shape, others: Sequence[Shape], max_iou: float) -> bool:
    """Return whether a box is of the same digit as one of the others.

    Comparisons stand here where min() and max() would be shorter: a frame has 40 pairs, and calls are half of the time.
    """
    left, top, right, bottom, area = shape
    for other_left, other_top, other_right, other_bottom, other_area in others:
        if left >= other_right or other_left >= right or top >= other_bottom or other_top >= bottom:
            continue
        width = (right if right < other_right else other_right) - (left if left > other_left else other_left)
        height = (bottom if bottom < other_bottom else other_bottom) - (top if top > other_top else other_top)
        shared, smaller = width * height, area if area < other_area else other_area
        if shared > max_iou * (area + other_area - shared) or shared > MAX_INSIDE * smaller:
            return True
    return False


def intersection_areas(corners: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas that boxes (... x 4: left, top, right, bottom) share with others, broadcast as numpy does."""
    sides = np.minimum(corners[..., 2:], others[..., 2:]) - np.maximum(corners[..., :2], others[..., :2])
    np.maximum(sides, 0, out=sides)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)
