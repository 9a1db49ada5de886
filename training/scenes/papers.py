"""Writing surfaces: paper and boards in uneven light, as grey levels of 0 to 255."""

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

BRIGHTEST = 252  # pale ink is invisible on an overexposed sheet, so it could not be learned


def make_clouds(rng: np.random.Generator, side: int, cells: int) -> Grey:
    """Return soft random values (mean about 0, spread about 1) that change over side / cells pixels."""
    coarse = rng.standard_normal((cells, cells), np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def make_slope(rng: np.random.Generator, side: int) -> Grey:
    """Return a plane through the middle that rises by 1 to the edge in a random direction: light from a side."""
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.linspace(-1, 1, side, dtype=np.float32)
    return np.asarray(np.cos(angle) * steps[None, :] + np.sin(angle) * steps[:, None], np.float32)


def make_sheet(rng: np.random.Generator, side: int) -> Grey:
    """Return a blank sheet under uneven light, sometimes grainy, crumpled or in shadow."""
    paper = np.full((side, side), rng.uniform(80, 250), np.float32)
    paper *= 1 + rng.uniform(0, 0.35) * make_slope(rng, side)
    if rng.random() < 0.5:
        paper += rng.uniform(1, 14) * make_clouds(rng, side, int(rng.integers(2, 9)))
    if rng.random() < 0.4:
        paper += rng.uniform(1, 8) * make_clouds(rng, side, side // int(rng.integers(2, 6)))
    if rng.random() < 0.12:
        crumple_paper(rng, paper)
    if rng.random() < 0.25:
        cast_shadow(rng, paper)
    return np.minimum(paper, BRIGHTEST)


def make_board(rng: np.random.Generator, side: int) -> Grey:
    """Return a dark, unevenly wiped blackboard."""
    dark = np.full((side, side), rng.uniform(15, 95), np.float32)
    dark += rng.uniform(0, 20) * make_slope(rng, side) + rng.uniform(0, 12) * make_clouds(
        rng, side, int(rng.integers(3, 12))
    )
    for _ in range(int(rng.integers(0, 4))):
        smear_chalk(rng, dark)
    return dark


def smear_chalk(rng: np.random.Generator, dark: Grey) -> None:
    """Draw a broad smear of chalk on a board."""
    layer = np.zeros(dark.shape, np.uint8)
    ends = rng.integers(-20, dark.shape[0] + 20, (2, 2))
    cv2.line(layer, ends[0].tolist(), ends[1].tolist(), 255, int(rng.integers(8, 40)))
    soft = cv2.GaussianBlur(layer.astype(np.float32) / 255, (0, 0), rng.uniform(2, 8))
    dark += soft * rng.uniform(2, 18)


def crumple_paper(rng: np.random.Generator, paper: Grey) -> None:
    """Draw creases on the sheet, with differently lit faces between them."""
    side = paper.shape[0]
    for _ in range(int(rng.integers(4, 14))):
        folded = make_slope(rng, side) + rng.uniform(-0.8, 0.8)
        paper *= 1 + rng.uniform(0.03, 0.15) * np.tanh(folded * rng.uniform(2, 25))


def cast_shadow(rng: np.random.Generator, paper: Grey) -> None:
    """Draw a shadow, as of a hand, an arm or a window frame."""
    side = paper.shape[0]
    corners = rng.integers(-side // 2, side * 3 // 2, (int(rng.integers(3, 6)), 2)).astype(np.int32)
    layer = np.zeros(paper.shape, np.uint8)
    cv2.fillPoly(layer, [corners], 255)
    soft = cv2.GaussianBlur(layer.astype(np.float32) / 255, (0, 0), rng.uniform(0.8, 12))
    paper *= 1 - soft * rng.uniform(0.15, 0.55)


def draw_ruling(rng: np.random.Generator, paper: Grey, angle: float) -> None:
    """Draw ruled lines, squares or a dark grid; angle is the direction of the writing, in radians."""
    squared = rng.random() < 0.5
    dark = squared and rng.random() < 0.3
    step, width = rng.uniform(10, 60), 2.5 if dark else rng.uniform(0.5, 1.6)
    strength = rng.uniform(0.3, 0.85) if dark else rng.uniform(0.08, 0.45)
    rows = make_stripes(rng, paper.shape[0], angle, step, width)
    if squared:
        rows = np.maximum(rows, make_stripes(rng, paper.shape[0], angle + np.pi / 2, step, width))
    paper *= 1 - strength * rows


def make_stripes(rng: np.random.Generator, side: int, angle: float, step: float, width: float) -> Grey:
    """Return parallel lines (1) on blank (0), step pixels apart, at any angle, with soft edges."""
    steps = np.arange(side, dtype=np.float32)
    across = np.cos(angle) * steps[:, None] - np.sin(angle) * steps[None, :] + rng.uniform(0, step)
    away = np.abs((across % step) - step / 2)
    return np.asarray(np.clip(width / 2 + 0.5 - away, 0, 1), np.float32)
