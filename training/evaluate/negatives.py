"""Images for the rejection figures: digits, and letters, signs, parts of digits and empty paper, all normalised.

Their seeds and MNIST images are not used in training, but their fonts are.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.crops import cut_part, jitter, make_crop
from training.data import HELD_OUT
from training.scenes.glyphs import Glyph, Sources, load_sources, make_clear_letter, make_mnist_digit, make_sign
from training.scenes.lens import simulate_camera
from training.scenes.papers import draw_ruling, make_sheet
from training.scenes.pens import choose_pen, draw_glyph

SEED = 40_000_000
COUNT = 2_000
SIDE_PX = 112
HEIGHTS_PX = (20, 64)

Images = NDArray[np.float32]  # n x 28 x 28, 0 to 1
Patch = tuple[NDArray[np.uint8], NDArray[np.float64]]  # a picture and a box in it


def make_digits(data: Path) -> Images:
    """Return digits written on sheets, which should be accepted."""
    sources = load_held_out(data)
    return collect(lambda rng: write_on_sheet(rng, make_mnist_digit(rng, sources, int(rng.integers(10)))))


def make_negatives(data: Path) -> dict[str, Images]:
    """Return images that should be rejected, by kind. Empty paper counts if the normaliser finds ink in it."""
    sources = load_held_out(data)
    return {
        "letters (without look-alikes)": collect(lambda rng: write_on_sheet(rng, make_clear_letter(rng, sources))),
        "signs and shapes": collect(lambda rng: write_on_sheet(rng, make_sign(rng))),
        "parts of digits": collect(lambda rng: write_part(rng, sources)),
        "empty paper": collect(leave_empty),
    }


def load_held_out(data: Path) -> Sources:
    """Return the sources with the part of MNIST that is not trained on."""
    return load_sources(data, slice(-HELD_OUT, None))


def collect(make_patch: Callable[[np.random.Generator], Patch]) -> Images:
    """Return COUNT images that hold ink."""
    rng = np.random.default_rng(SEED)
    images: list[NDArray[np.uint8]] = []
    while len(images) < COUNT:
        image = make_crop(*make_patch(rng))
        images += [] if image is None else [image]
    return np.stack(images).astype(np.float32) / np.float32(255)


def write_on_sheet(rng: np.random.Generator, glyph: Glyph) -> Patch:
    """Return a glyph written in the middle of a sheet, and its box as a detector gives it."""
    paper = make_sheet(rng, SIDE_PX)
    if rng.random() < 0.3:
        draw_ruling(rng, paper, 0.0)
    height = rng.uniform(*HEIGHTS_PX)
    ink = draw_glyph(rng, glyph, height, np.eye(2, dtype=np.float32), choose_pen(rng))
    top, left = ((SIDE_PX - side) // 2 for side in ink.shape)
    area = paper[top : top + ink.shape[0], left : left + ink.shape[1]]
    area *= 1 - ink * rng.uniform(0.5, 0.95)
    box = np.array([left, top, ink.shape[1], ink.shape[0]], np.float64)
    return simulate_camera(rng, paper, height), jitter(rng, box)


def write_part(rng: np.random.Generator, sources: Sources) -> Patch:
    """Return a digit, and a box with only half of it."""
    picture, box = write_on_sheet(rng, make_mnist_digit(rng, sources, int(rng.integers(10))))
    return picture, cut_part(rng, box)


def leave_empty(rng: np.random.Generator) -> Patch:
    """Return a sheet without writing, and a box somewhere on it."""
    paper = make_sheet(rng, SIDE_PX)
    if rng.random() < 0.4:
        draw_ruling(rng, paper, rng.normal(0, 0.1))
    size = rng.uniform(*HEIGHTS_PX) * np.array([rng.uniform(0.4, 1), 1])
    return simulate_camera(rng, paper, SIDE_PX), np.concatenate([rng.uniform(0, SIDE_PX - size), size])
