"""The desk under the demo camera: wood with objects on it, drawn once per camera."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.shapes import (
    Canvas,
    Color,
    Point,
    bar_mask,
    disc_mask,
    draw_shape,
    polygon_mask,
    rotate_points,
    scale_color,
)

Image = NDArray[np.uint8]  # height x width x 3, BGR

SUPERSAMPLING = 2  # drawn at twice the size and scaled down, for smooth edges
FOCUS_BLUR_PX = 1.1  # the camera focuses on the sheet, not on the desk
WOODS: tuple[Color, ...] = ((88, 128, 170), (62, 94, 136), (120, 158, 190), (74, 92, 110))


def draw_desk(rng: np.random.Generator, width: int, height: int) -> Image:
    """Return a desk seen from above, evenly lit."""
    size = (SUPERSAMPLING * width, SUPERSAMPLING * height)
    desk = draw_wood(rng, size, WOODS[rng.integers(len(WOODS))])
    w, h = size
    draw_notebook(desk, rng, (0.08 * w, 0.9 * h), rng.uniform(-0.5, -0.2))
    draw_keyboard(desk, (0.66 * w, -0.03 * h), rng.uniform(-0.08, 0.08))
    draw_mug(desk, rng, (0.9 * w, 0.34 * h))
    draw_leaves(desk, rng, (0.02 * w, 0.04 * h))
    draw_pencil(desk, (0.86 * w, 0.86 * h), rng.uniform(0.2, 0.9), (40, 170, 235))
    draw_pencil(desk, (0.3 * w, 0.94 * h), rng.uniform(-0.3, 0.1), (60, 60, 190))
    draw_eraser(desk, (0.95 * w, 0.66 * h), rng.uniform(-0.6, 0.6))
    for _ in range(3):
        draw_clip(desk, (w * rng.uniform(0.25, 0.45), h * rng.uniform(0.03, 0.14)), rng.uniform(0, math.pi))
    blurred = cv2.GaussianBlur(desk, (0, 0), FOCUS_BLUR_PX * SUPERSAMPLING)
    small = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)


def draw_wood(rng: np.random.Generator, size: tuple[int, int], color: Color) -> Canvas:
    """Return planks with grain along x: stretched and slightly bent noise at three scales."""
    w, h = size
    grain = np.zeros((h, w), np.float32)
    for columns, rows, depth in ((4, h // 40, 0.10), (8, h // 9, 0.07), (40, h // 2, 0.05)):
        noise = rng.standard_normal((rows, columns)).astype(np.float32)
        grain += depth * cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    bent = cv2.remap(grain, x, y + 14 * np.sin(x / 170 + 3 * grain), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    plank = h / 4
    tone = np.repeat(rng.uniform(0.9, 1.08, 4), math.ceil(plank))[:h].astype(np.float32)[:, None]
    seams = 1 - 0.45 * np.exp(-(((y + 30) % plank) ** 2) / 8)
    shade = tone * seams * (1 + 0.55 * bent)
    return np.asarray(shade[..., None] * np.array(color, np.float32))


def draw_notebook(desk: Canvas, rng: np.random.Generator, center: Point, angle: float) -> None:
    """Draw a closed notebook with an elastic band and visible page edges."""
    cover = [(96, 62, 38), (58, 74, 52), (52, 46, 120)][rng.integers(3)]
    draw_shape(desk, bar_mask(desk, center, (430, 560), angle), (205, 225, 232), 16)
    draw_shape(desk, bar_mask(desk, center, (424, 560), angle, (-8, 0)), cover)
    draw_shape(desk, bar_mask(desk, center, (16, 560), angle, (150, 0)), scale_color(cover, 0.55))


def draw_keyboard(desk: Canvas, center: Point, angle: float) -> None:
    """Draw the near edge of a keyboard: blank keys in staggered rows."""
    draw_shape(desk, bar_mask(desk, center, (620, 210), angle), (196, 192, 188), 14)
    for row in range(3):
        for key in range(10):
            at = (-270 + 58 * key + 14 * row, -70 + 58 * row)
            draw_shape(desk, bar_mask(desk, center, (50, 50), angle, (at[0], at[1] + 3)), (150, 146, 142))
            draw_shape(desk, bar_mask(desk, center, (48, 46), angle, at), (238, 236, 234))


def draw_mug(desk: Canvas, rng: np.random.Generator, center: Point) -> None:
    """Draw a mug of coffee with its handle at a random angle."""
    glaze = [(168, 120, 60), (80, 96, 200), (220, 226, 230)][rng.integers(3)]
    x, y = center
    draw_shape(desk, bar_mask(desk, center, (66, 36), rng.uniform(-0.9, 0.4), (-112, 0)), glaze, 22)
    draw_shape(desk, disc_mask(desk, center, 96), glaze, 26)
    draw_shape(desk, disc_mask(desk, center, 84), scale_color(glaze, 0.72))
    draw_shape(desk, disc_mask(desk, (x + 3, y + 4), 79), (24, 40, 66))
    draw_shape(desk, disc_mask(desk, (x + 6, y + 8), 68), (30, 52, 84))
    draw_shape(desk, disc_mask(desk, (x - 26, y - 30), 13), (200, 214, 224), opacity=0.5)


def draw_leaves(desk: Canvas, rng: np.random.Generator, root: Point) -> None:
    """Draw a potted plant that reaches in from a corner."""
    for angle in np.linspace(-0.15, 1.5, 7) + rng.uniform(-0.1, 0.1, 7):
        length, green = rng.uniform(190, 300), rng.uniform(0.75, 1.15)
        along = np.linspace(0, 1, 20)
        half = 0.13 * length * np.sin(math.pi * along**0.8)
        x, y = root[0] + length * along * math.cos(angle), root[1] + length * along * math.sin(angle)
        left = list(zip(x - half * math.sin(angle), y + half * math.cos(angle), strict=True))
        right = list(zip(x + half * math.sin(angle), y - half * math.cos(angle), strict=True))
        draw_shape(desk, polygon_mask(desk, left + right[::-1]), scale_color((58, 116, 74), green), 14)
        middle = list(zip(x, y, strict=True))
        draw_shape(desk, polygon_mask(desk, left + middle[::-1]), scale_color((70, 134, 88), green))


def draw_pencil(desk: Canvas, center: Point, angle: float, color: Color) -> None:
    """Draw a pencil with a highlight, a wooden cone and a lead."""
    draw_shape(desk, bar_mask(desk, center, (330, 22), angle), color, 9)
    draw_shape(desk, bar_mask(desk, center, (330, 7), angle, (0, -6)), scale_color(color, 1.4))
    draw_shape(desk, bar_mask(desk, center, (26, 22), angle, (-176, 0)), (170, 172, 178))
    draw_shape(desk, bar_mask(desk, center, (26, 22), angle, (-200, 0)), (140, 130, 214))
    for length, half, shade in ((44, 11, (150, 196, 226)), (14, 3.5, (52, 50, 50))):
        base, tip = 165 + 44 - length, 165 + 44
        cone = rotate_points([(base, -half), (base, half), (tip, 0)], center, angle)
        draw_shape(desk, polygon_mask(desk, cone), shade)


def draw_eraser(desk: Canvas, center: Point, angle: float) -> None:
    """Draw an eraser in its sleeve."""
    draw_shape(desk, bar_mask(desk, center, (112, 54), angle), (236, 238, 240), 12)
    draw_shape(desk, bar_mask(desk, center, (66, 54), angle, (22, 0)), (150, 88, 46))
    draw_shape(desk, bar_mask(desk, center, (66, 12), angle, (22, 0)), (226, 226, 226))


def draw_clip(desk: Canvas, center: Point, angle: float) -> None:
    """Draw a paper clip: one wire with three bends, in proportion to the mug."""
    wire = [(-10.0, 9.0), *bend((27, 0), 9), *bend((-29, -2), -7), *bend((18, 0.5), 4.5), (-18.0, -4.0)]
    points = np.round(np.array(rotate_points(wire, center, angle)) * 16).astype(np.int32)
    mask = np.zeros(desk.shape[:2], np.uint8)
    cv2.polylines(mask, [points], isClosed=False, color=255, thickness=3, lineType=cv2.LINE_AA, shift=4)
    draw_shape(desk, mask, (196, 190, 184), 4)


def bend(center: Point, radius: float) -> list[Point]:
    """Return a half circle that opens to the left, from below to above; of a negative radius to the right."""
    turns = np.linspace(math.pi / 2, -math.pi / 2, 9)
    return [(center[0] + radius * math.cos(turn), center[1] + abs(radius) * math.sin(turn)) for turn in turns][
        :: 1 if radius > 0 else -1
    ]
