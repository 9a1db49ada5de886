"""Pens: how a glyph becomes ink, from a ball pen's hair line to a marker, in a hand that slants and trembles."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.fields import SIDE
from training.scenes.glyphs import Glyph

Ink = NDArray[np.float32]  # 0 is paper, 1 is ink
Affine = NDArray[np.float32]  # 2 x 2: the glyph's directions on the sheet

BEND_GRID = 4  # a hand's tremor: random shifts on a grid of this many points over the glyph
DRAWN = 0.5  # ink darker than this counts for a box


@dataclass(frozen=True, slots=True)
class Pen:
    """What one writer holds.

    width: the stroke's width as a share of the digit's height, for centre lines. grow: what is added to a body's edges,
    in the same share. flow: 0 for an even line to 1 for a dry marker or chalk. tremor: shifts in pixels of a field.
    """

    width: float
    grow: float
    flow: float
    tremor: float


def choose_pen(rng: np.random.Generator) -> Pen:
    """Return a random pen: a ball pen on large digits has a width of 0.02, a marker 0.3."""
    width = float(np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
    flow = float(rng.uniform(0.2, 1)) if rng.random() < 0.3 else 0.0
    return Pen(width, float(rng.uniform(-0.03, 0.04)), flow, float(rng.uniform(0, 2.5)))


def write(rng: np.random.Generator, glyph: Glyph, height_px: float, hand: Affine, pen: Pen) -> Ink:
    """Return the glyph as ink, cut to what was drawn; its longer side is about height_px for an upright hand."""
    scale = height_px / 60  # a glyph fills about 60 pixels of its field
    side = int(np.ceil(height_px * 1.9 + 8))
    away = sample(rng, glyph, np.linalg.inv(hand * scale), side, pen.tremor) * scale
    # 1.1 px is the thinnest line a camera shows with any contrast; thinner ones grow paler, not narrower
    reach = max(0.55, pen.width * height_px / 2) if glyph.is_line else max(-0.5, pen.grow * height_px)
    ink = np.clip(reach + 0.5 - away, 0, 1)
    return cut(ink * dryness(rng, ink.shape, pen.flow) if pen.flow else ink)


def sample(rng: np.random.Generator, glyph: Glyph, back: Affine, side: int, tremor: float) -> NDArray[np.float32]:
    """Return the glyph's field on a side x side square of the sheet, bent by the hand's tremor."""
    steps = np.arange(side, dtype=np.float32) - (side - 1) / 2
    bends = rng.normal(0, tremor, (BEND_GRID, BEND_GRID, 2)).astype(np.float32)
    bend = cv2.resize(bends, (side, side), interpolation=cv2.INTER_CUBIC)
    centre = np.float32((SIDE - 1) / 2)
    across = (back[0, 0] * steps + centre)[None, :] + (back[0, 1] * steps)[:, None] + bend[..., 0]
    down = (back[1, 0] * steps + centre)[None, :] + (back[1, 1] * steps)[:, None] + bend[..., 1]
    far = float(SIDE)  # outside the field there is paper
    return np.asarray(
        cv2.remap(glyph.field, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=far),
        np.float32,
    )


def dryness(rng: np.random.Generator, shape: tuple[int, ...], flow: float) -> Ink:
    """Return how much ink the paper takes, pixel by pixel: chalk and dry markers leave gaps."""
    grain = rng.random(shape, np.float32)
    coarse = cv2.GaussianBlur(grain, (0, 0), 1.0) * 1.5 - 0.25
    return np.asarray(1 - np.float32(flow) * np.clip(1.2 - 1.6 * coarse, 0, 0.9), np.float32)


def cut(ink: Ink) -> Ink:
    """Return the part of a picture that was drawn on; 0 x 0 where nothing was."""
    x, y, width, height = cv2.boundingRect((ink > min(DRAWN, 0.6 * float(ink.max()))).astype(np.uint8))
    return ink[y : y + height, x : x + width]
