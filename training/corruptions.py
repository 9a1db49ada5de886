"""Fifteen ways to spoil an MNIST image, by the formulas of MNIST-C (Mu and Gilmer, 2019) at its default severities.

Each takes a generator and one image, 28 x 28 float32 in 0 to 1, and returns another. Two differ from the published code
for want of its libraries: motion blur is a Gaussian along a line (there ImageMagick's), the edges are OpenCV's Canny.
"""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Corruption = Callable[[np.random.Generator, Image], Image]

SIDE = 28
MIDDLE = 13.5
REACH = 2.3  # pixels from a line's middle to where it has faded out


def shot_noise(rng: np.random.Generator, image: Image) -> Image:
    """Count three photons for full white."""
    return clip(rng.poisson(image * 3.0) / 3.0)


def impulse_noise(rng: np.random.Generator, image: Image) -> Image:
    """Turn 17 % of the pixels black or white."""
    hit, white = rng.random(image.shape) < 0.17, rng.random(image.shape) < 0.5
    return clip(np.where(hit, white, image))


def glass_blur(rng: np.random.Generator, image: Image) -> Image:
    """Blur, swap neighbouring pixels at random, twice, and blur again."""
    spoilt = cv2.GaussianBlur(image, (0, 0), 0.7)
    for _ in range(2):
        for row in range(SIDE - 1, 1, -1):
            for column in range(SIDE - 1, 1, -1):
                if rng.random() < 0.5:
                    down, right = rng.integers(-1, 1, 2)
                    there = row + down, column + right
                    spoilt[row, column], spoilt[there] = spoilt[there], spoilt[row, column]
    return clip(cv2.GaussianBlur(spoilt, (0, 0), 0.7))


def motion_blur(rng: np.random.Generator, image: Image) -> Image:
    """Smear along a line within 45 degrees of level: 10 pixels to each side, with a spread of 3."""
    angle, radius = np.radians(rng.uniform(-45, 45)), 10
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    for step in np.linspace(-radius, radius, 8 * radius + 1):
        row, column = (round(radius + step * side) for side in (np.sin(angle), np.cos(angle)))
        kernel[row, column] += np.exp(-(step**2) / (2 * 3**2))
    return clip(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE))


def shear(rng: np.random.Generator, image: Image) -> Image:
    """Slant by 0.4 radians."""
    angle = 0.4 * rng.choice([-1, 1])
    return warp(image, [[1, -np.sin(angle)], [0, np.cos(angle)]])


def scale(_: np.random.Generator, image: Image) -> Image:
    """Shrink to 0.7."""
    return warp(image, [[1 / 0.7, 0], [0, 1 / 0.7]])


def rotate(rng: np.random.Generator, image: Image) -> Image:
    """Turn by 0.4 radians."""
    angle = 0.4 * rng.choice([-1, 1])
    return warp(image, [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def brightness(_: np.random.Generator, image: Image) -> Image:
    """Lighten by half of white."""
    return clip(image + 0.5)


def translate(rng: np.random.Generator, image: Image) -> Image:
    """Shift by 3 pixels both ways."""
    return warp(image, [[1, 0], [0, 1]], 3 * rng.choice([-1, 1], 2))


def stripe(_: np.random.Generator, image: Image) -> Image:
    """Make a negative of the outer quarters."""
    spoilt = image.copy()
    spoilt[:, :7], spoilt[:, 21:] = 1 - image[:, :7], 1 - image[:, 21:]
    return spoilt


def fog(rng: np.random.Generator, image: Image) -> Image:
    """Lay a cloud over the image, three times as bright as its ink."""
    brightest = image.max()
    return clip((image + 3 * cloud(rng)) * brightest / (brightest + 3))


def spatter(rng: np.random.Generator, image: Image) -> Image:
    """Throw mud: opaque spots of a quarter of white."""
    liquid = cv2.GaussianBlur(rng.normal(0.65, 0.3, image.shape).astype(np.float32), (0, 0), 1)
    mud = cv2.GaussianBlur((liquid > 0.65).astype(np.float32), (0, 0), 1.5)
    mud[mud < 0.8] = 0
    return clip(image * (1 - mud) + mud * (63 / 255))


def dotted_line(rng: np.random.Generator, image: Image) -> Image:
    """Draw a dotted line from side to side."""
    start, end = rng.integers(0, 27, 2)
    dots = line((0, start), (27, end))
    dots[:, np.arange(SIDE) % 4 < 2] = 0
    return clip(image + dots)


def zigzag(rng: np.random.Generator, image: Image) -> Image:
    """Draw a zigzag of two pixels' height from side to side."""
    left, right, start = 2, 25, int(rng.integers(0, 27))
    slope = np.arctan(rng.integers(-5, 5) / (right - left))
    length = (right - left) / np.cos(slope)
    turns = [(0.0, 0.0)] + [((4 * i + 2), 2.0 * (-1) ** i) for i in range(int((length - 2) // 4) + 1)] + [(length, 0.0)]
    cos, sin = np.cos(slope), np.sin(slope)
    corners = [(cos * along - sin * up + left, sin * along + cos * up + start) for along, up in turns]
    spoilt = image
    for one, other in pairwise(corners):
        spoilt = clip(spoilt + line(one, other))
    return spoilt


def canny_edges(_: np.random.Generator, image: Image) -> Image:
    """Keep the edges alone."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1)
    return clip(cv2.Canny(np.rint(smooth * 255).astype(np.uint8), 26, 51, L2gradient=True) / 255)


CORRUPTIONS: dict[str, Corruption] = {
    corruption.__name__: corruption
    for corruption in (
        shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness, translate, stripe, fog,
        spatter, dotted_line, zigzag, canny_edges,
    )
}  # fmt: skip


def clip(values: NDArray[np.generic] | cv2.Mat) -> Image:
    """Return values as an image in 0 to 1."""
    return np.clip(np.asarray(values, np.float32), 0, 1)


def warp(image: Image, back: list[list[float]], shift: NDArray[np.int64] | None = None) -> Image:
    """Return the image whose pixel p shows what was at back * (p - middle) + middle + shift."""
    matrix = np.array(back, np.float64)
    offset = np.full(2, MIDDLE) - matrix @ np.full(2, MIDDLE) + (0 if shift is None else shift)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return clip(cv2.warpAffine(image, np.column_stack([matrix, offset]), (SIDE, SIDE), flags=flags))


def line(start: tuple[float, float], end: tuple[float, float]) -> Image:
    """Return a soft line between two points (column, row), brightness log(1 - distance / 2.3) + 1."""
    if start[0] == end[0]:
        return np.zeros((SIDE, SIDE), np.float32)
    columns, rows = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    slope = (end[1] - start[1]) / (end[0] - start[0])
    away = np.clip(np.abs(rows - slope * (columns - start[0]) - start[1]), 0, REACH - 1e-10)
    drawn = np.clip(np.log(1 - away / REACH) + 1, 0, 1)
    drawn[:, : max(0, int(np.floor(start[0])))] = 0
    drawn[:, max(0, int(np.ceil(end[0]))) :] = 0
    return np.asarray(drawn, np.float32)


def cloud(rng: np.random.Generator, decay: float = 1.4) -> Image:
    """Return a corner of a fractal by the diamond-square rule, 0 to 1; decay is how much finer detail fades."""
    side, height = 256, 100.0
    field, step = np.zeros((side, side)), side
    while step >= 2:
        half = step // 2
        corners = field[::step, ::step]
        square = corners + np.roll(corners, -1, axis=0)
        square = (square + np.roll(square, -1, axis=1)) / 4
        field[half::step, half::step] = square + height * rng.uniform(-height, height, square.shape)
        centres = field[half::step, half::step]
        across = (corners + np.roll(corners, -1, axis=1) + centres + np.roll(centres, 1, axis=0)) / 4
        field[::step, half::step] = across + height * rng.uniform(-height, height, across.shape)
        down = (corners + np.roll(corners, -1, axis=0) + centres + np.roll(centres, 1, axis=1)) / 4
        field[half::step, ::step] = down + height * rng.uniform(-height, height, down.shape)
        step, height = half, height / decay
    field -= field.min()
    return np.asarray(field[:SIDE, :SIDE] / field.max(), np.float32)
