"""shared/vision/normaliser.py for many crops at once: every step is a dense operation on n x CANVAS_PX x CANVAS_PX.

Crops of all sizes lie in the upper left corner of such a canvas. Sizes are tensors, so that the shape of no tensor
depends on the pictures, as a CUDA graph needs it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from shared.vision.fused.pieces import keep_character
from shared.vision.fused.resampling import area_weights, linear_weights, resample
from shared.vision.gray_frame import NOISE, WHITE
from shared.vision.normaliser import CENTRE_PX, EDGE, INK_PX, MIN_CONTRAST, SIDE_PX, SPECK

CANVAS_PX = 80  # a level's digits have up to 56 pixels and a margin of 15 %; the coarsest level has less than 80
SMALL_PX = CANVAS_PX // 4  # of the paper's brightness
MAX_BLUR_PX = CANVAS_PX // 2 // 8 + 1  # radius
MAX_RIM_PX = 1 + CANVAS_PX // SIDE_PX


class Crops(NamedTuple):
    """n crops in the corner of a canvas: pixels (n x CANVAS_PX x CANVAS_PX, 0 to 255), heights and widths (n)."""

    pixels: Tensor
    heights: Tensor
    widths: Tensor

    @property
    def longest(self) -> Tensor:
        return torch.maximum(self.heights, self.widths)


class NormalisedInk(NamedTuple):
    """images (n x 28 x 28, 0 to 1; black without ink), has_ink (n), boxes of the ink (n x 4, in pixels of the crop).

    papers (n) is the brightness of the paper, 0 to 255.
    """

    images: Tensor
    has_ink: Tensor
    boxes: Tensor
    papers: Tensor


def normalise_crops(crops: Crops) -> NormalisedInk:
    """Return the crops' ink in MNIST's form; float32 sizes, at least 1."""
    papers = measure_paper_dense(crops)
    ink = extract_ink_dense(crops, papers)
    images = place_ink(ink)
    left, right, top, bottom = find_span(ink >= EDGE)
    boxes = torch.stack([left, top, right - left, bottom - top], 1)
    return NormalisedInk(images, images.flatten(1).amax(1) > 0, boxes, papers)


def extract_ink_dense(crops: Crops, papers: Tensor) -> Tensor:
    """Return the ink as shared.vision.normaliser.extract_inks() does, black beyond the crops."""
    valid = make_valid(crops.heights, crops.widths, CANVAS_PX)
    ink = (WHITE - flatten_light_dense(make_dark_on_light_dense(crops, papers, valid))) * valid
    threshold = find_threshold(ink, valid)
    mask = (ink > threshold) & valid
    inside_edge = make_valid(crops.heights - 1, crops.widths - 1, CANVAS_PX)
    inside_edge[:, 0], inside_edge[:, :, 0] = False, False
    strokes = keep_character(mask, inside_edge, SPECK)
    full = ((ink * strokes).sum((1, 2)) / strokes.sum((1, 2)).clamp_min(1))[:, None, None]
    low = threshold / 2
    gain = WHITE / (full - low).clamp_min(1)
    soft = (ink * gain - low * gain).round().clamp(0, WHITE)
    rim_px = 1 + torch.div(crops.longest, SIDE_PX, rounding_mode="floor")
    near = grow(strokes.float(), rim_px, MAX_RIM_PX, valid)
    return soft * near * valid * (full >= MIN_CONTRAST)


def make_valid(heights: Tensor, widths: Tensor, side: int) -> Tensor:
    """Return n x side x side: True in the upper left heights x widths."""
    at = torch.arange(side, device=heights.device)
    return (at[None, :, None] < heights[:, None, None]) & (at[None, None] < widths[:, None, None])


def measure_paper_dense(crops: Crops) -> Tensor:
    """Return the brightness of each crop's paper, as shared.vision.normaliser.measure_paper(): n."""
    pixels, heights, widths = crops
    at = torch.arange(CANVAS_PX, device=pixels.device)
    beyond_row, beyond_column = at >= widths[:, None], at >= heights[:, None]
    last_row = pixels.gather(1, (heights.long() - 1)[:, None, None].expand(-1, 1, CANVAS_PX))[:, 0]
    last_column = pixels.gather(2, (widths.long() - 1)[:, None, None].expand(-1, CANVAS_PX, 1))[:, :, 0]
    edge = torch.cat(
        [
            pixels[:, 0].masked_fill(beyond_row, torch.inf),
            last_row.masked_fill(beyond_row, torch.inf),
            pixels[:, :, 0].masked_fill(beyond_column, torch.inf),
            last_column.masked_fill(beyond_column, torch.inf),
        ],
        1,
    )
    return edge.sort(1).values.gather(1, (heights + widths).long()[:, None])[:, 0]


def make_dark_on_light_dense(crops: Crops, papers: Tensor, valid: Tensor) -> Crops:
    """Return the crops, inverted if their ink is brighter than their paper."""
    pixels, paper = crops.pixels, papers[:, None]
    darkest = pixels.masked_fill(~valid, WHITE).amin((1, 2))[:, None]
    brightest = pixels.masked_fill(~valid, 0).amax((1, 2))[:, None]
    is_dark = (paper - darkest >= brightest - paper)[:, :, None]
    return crops._replace(pixels=torch.where(is_dark, pixels, WHITE - pixels) * valid)


def flatten_light_dense(crops: Crops) -> Tensor:
    """Return the crops divided by their paper's brightness, as shared.vision.gray_frame.flatten_light()."""
    pixels, heights, widths = crops
    small_heights, small_widths = ((size / 4).floor().clamp_min(1) for size in (heights, widths))
    shrink = (
        area_weights(size, small, CANVAS_PX, SMALL_PX)
        for size, small in ((heights, small_heights), (widths, small_widths))
    )
    small = resample(pixels, *shrink)
    radius = 1 + (crops.longest / 16).floor()  # of a kernel of 2 * (stroke // 8) + 3, the stroke being half of a crop
    valid = make_valid(small_heights, small_widths, SMALL_PX)
    closed = WHITE - grow(WHITE - grow(small, radius, MAX_BLUR_PX, valid), radius, MAX_BLUR_PX, valid)
    table = make_blur_table(pixels.device)
    blur = (table[radius.long() - 1, size.long() - 1] for size in (small_heights, small_widths))
    blurred = resample(closed * valid, *blur)
    enlarge = (
        linear_weights(small, size, SMALL_PX, CANVAS_PX)
        for size, small in ((heights, small_heights), (widths, small_widths))
    )
    paper = resample(blurred, *enlarge)
    return (((pixels + NOISE).clamp_max(WHITE) * WHITE) / (paper + NOISE).clamp_max(WHITE)).round().clamp_max(WHITE)


def grow(values: Tensor, radius: Tensor, most: int, valid: Tensor) -> Tensor:
    """Return the largest of the values, 0 or more, up to `radius` pixels away (n, at most `most`), within valid."""
    for step in range(most):
        grown = functional.max_pool2d((values * valid)[:, None], 3, 1, 1)[:, 0]
        values = torch.where((radius > step)[:, None, None], grown, values)
    return values * valid


@cache
def make_blur_table(device: torch.device) -> Tensor:
    """Return the weights of a mean over 2 * radius + 1 pixels, mirrored at the edge: radius x size x pixel x pixel."""
    table = np.zeros((MAX_BLUR_PX, SMALL_PX, SMALL_PX, SMALL_PX), np.float32)
    for radius in range(1, MAX_BLUR_PX + 1):
        for size in range(1, SMALL_PX + 1):
            mirrored = np.pad(np.eye(size), ((radius, radius), (0, 0)), "reflect" if size > 1 else "edge")
            for row in range(size):
                table[radius - 1, size - 1, row, :size] = mirrored[row : row + 2 * radius + 1].mean(axis=0)
    return torch.from_numpy(table).to(device)


def find_threshold(ink: Tensor, valid: Tensor) -> Tensor:
    """Return Otsu's threshold of each ink, as n x 1 x 1; the lowest of those that part it equally well."""
    levels = torch.arange(256, device=ink.device, dtype=torch.float64)
    counts = torch.zeros((len(ink), 256), device=ink.device, dtype=torch.float64)
    counts = counts.scatter_add(1, ink.flatten(1).long(), valid.flatten(1).double())
    total = counts.sum(1, keepdim=True).clamp_min(1)
    below, sums = counts.cumsum(1), (counts * levels).cumsum(1)
    above = total - below
    # q1 * q2 * (mu1 - mu2)^2, without dividing by shares that may be 0
    between = (sums[:, -1:] * below - sums * total) ** 2 / (below * above).clamp_min(1)
    best = between.amax(1, keepdim=True)
    threshold = torch.where(between >= best, levels, 255).amin(1)
    return threshold.float()[:, None, None]


def find_span(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return left, right, top and bottom (n) of what is set in n x h x w; all 0 if nothing is."""

    def find_ends(along: Tensor) -> tuple[Tensor, Tensor]:
        at = torch.arange(along.shape[1], device=mask.device, dtype=torch.float32)
        last = torch.where(along, at + 1, 0).amax(1)
        return torch.minimum(torch.where(along, at, torch.inf).amin(1), last), last

    return (*find_ends(mask.any(1)), *find_ends(mask.any(2)))


def place_ink(ink: Tensor) -> Tensor:
    """Return ink in MNIST's form, as shared.vision.normaliser.normalise_inks(): n x 28 x 28 in 0 to 1."""
    left, right, top, bottom = find_span(ink > 0)
    sizes = torch.stack([bottom - top, right - left], 1).clamp_min(1)
    scale = (INK_PX / sizes.amax(1, keepdim=True).double()).expand(-1, 2)
    targets = (sizes * scale).round().clamp_min(1).float()
    weights = [
        torch.where(
            (scale[:, :1] < 1)[:, :, None],
            area_weights(sizes[:, side], targets[:, side], CANVAS_PX, INK_PX, first),
            linear_weights(sizes[:, side], targets[:, side], CANVAS_PX, INK_PX, first),
        )
        for side, first in ((0, top), (1, left))
    ]
    cornered = functional.pad(resample(ink, weights[0], weights[1]), (0, SIDE_PX - INK_PX, 0, SIDE_PX - INK_PX))
    at = torch.arange(SIDE_PX, device=ink.device)
    mass = cornered.sum((1, 2)).clamp_min(1)
    moments = torch.stack([(cornered.sum(2) * at).sum(1), (cornered.sum(1) * at).sum(1)], 1)
    moved = (CENTRE_PX - moments / mass[:, None]).round()
    moved = torch.minimum(moved.clamp_min(0), SIDE_PX - targets).long()
    rows, columns = ((at - moved[:, side, None]) % SIDE_PX for side in (0, 1))  # what wraps around is black
    images = cornered.gather(1, rows[:, :, None].expand(-1, -1, SIDE_PX))
    images = images.gather(2, columns[:, None].expand(-1, SIDE_PX, -1))
    return images / cornered.amax((1, 2)).clamp_min(1)[:, None, None]
