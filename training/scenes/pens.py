"""Pens: draw a glyph as ink, from a thin ball pen to a marker, with slant and tremor."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.fields import Field
from training.scenes.glyphs import Glyph
from training.scenes.sampling import draw_log_uniform

Ink = NDArray[np.float32]  # 0 is paper, 1 is ink
Affine = NDArray[np.float32]  # 2 x 2: the glyph's directions on the sheet

BEND_GRID = 4  # points on each side of the grid of random shifts that stand for tremor
DRAWN = 0.5  # ink darker than this counts for a box


@dataclass(frozen=True, slots=True)
class Pen:
    """One writer's pen.

    width: of a stroke along a centre line, as a share of the digit's height. grow: added to the edges of a body, as the
    same share. flow: 0 for an even line to 1 for a dry marker or chalk. tremor: in pixels of a field.
    """

    width: float
    grow: float
    flow: float
    tremor: float


def choose_pen(rng: np.random.Generator) -> Pen:
    """Return a random pen: a ball pen on large digits has a width of 0.02, a marker 0.3."""
    width = draw_log_uniform(rng, 0.02, 0.3)
    flow = float(rng.uniform(0.2, 1)) if rng.random() < 0.3 else 0.0
    return Pen(width, float(rng.uniform(-0.03, 0.04)), flow, float(rng.uniform(0, 2.5)))


def draw_glyph(rng: np.random.Generator, glyph: Glyph, height_px: float, hand: Affine, pen: Pen) -> Ink:
    """Return the glyph as ink, cropped; its longer side is about height_px for an upright hand."""
    scale = height_px / 60  # a glyph's longer side is about 60 pixels of its field
    away = warp_field(rng, glyph.field, hand * np.float32(scale), pen.tremor) * np.float32(scale)
    # 1.1 px is the thinnest line a camera shows with any contrast; thinner ones grow paler, not narrower
    reach = max(0.55, pen.width * height_px / 2) if glyph.is_line else max(-0.5, pen.grow * height_px)
    ink = np.clip(np.float32(reach + 0.5) - away, 0, 1)
    return crop_ink(ink * make_dryness(rng, ink.shape, pen.flow) if pen.flow else ink)


def warp_field(rng: np.random.Generator, field: Field, onto: Affine, tremor: float) -> Field:
    """Return a field transformed to the sheet's pixels and bent by tremor; onto is that transform."""
    (a, b), (c, d) = onto.tolist()
    rows, columns = field.shape
    width = int(abs(a) * columns + abs(b) * rows) + 2
    height = int(abs(c) * columns + abs(d) * rows) + 2
    bends = rng.normal(0, tremor, (BEND_GRID, BEND_GRID, 2)).astype(np.float32)
    grid = cv2.resize(bends, (width, height), interpolation=cv2.INTER_CUBIC)
    scale = np.float32(1 / (a * d - b * c))
    x, y = np.arange(width, dtype=np.float32) - (width - 1) / 2, np.arange(height, dtype=np.float32) - (height - 1) / 2
    across = (d * scale * x + (columns - 1) / 2)[None, :] - (b * scale * y)[:, None] + grid[..., 0]
    down = (a * scale * y + (rows - 1) / 2)[:, None] - (c * scale * x)[None, :] + grid[..., 1]
    far = float(max(rows, columns))  # outside the field there is paper
    away = cv2.remap(field, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=far)
    return np.asarray(away, np.float32)


def make_dryness(rng: np.random.Generator, shape: tuple[int, ...], flow: float) -> Ink:
    """Return the opacity of ink, pixel by pixel: chalk and dry markers leave gaps."""
    grain = rng.random(shape, np.float32)
    coarse = cv2.GaussianBlur(grain, (0, 0), 1.0) * 1.5 - 0.25
    return np.asarray(1 - np.float32(flow) * np.clip(1.2 - 1.6 * coarse, 0, 0.9), np.float32)


def crop_ink(ink: Ink) -> Ink:
    """Return the drawn part of a picture; 0 x 0 if nothing was drawn."""
    x, y, width, height = cv2.boundingRect((ink > min(DRAWN, 0.6 * float(ink.max()))).astype(np.uint8))
    return ink[y : y + height, x : x + width]
