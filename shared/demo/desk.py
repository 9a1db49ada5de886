"""The desk that the demo camera looks down on: wood, and what lies about on it, drawn once for each camera."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.shapes import Canvas, Colour, Point, bar, disc, polygon, put, toned, turned

Picture = NDArray[np.uint8]  # height x width x 3, BGR

FINE = 2  # drawn at twice the size and scaled down: smooth edges
FOCUS_BLUR_PX = 1.1  # the camera looks at the sheet; the desk lies behind its focus
WOODS: tuple[Colour, ...] = ((88, 128, 170), (62, 94, 136), (120, 158, 190), (74, 92, 110))


def draw_desk(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Return a desk seen from above, evenly lit; another generator gives another desk."""
    size = (FINE * width, FINE * height)
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
    blurred = cv2.GaussianBlur(desk, (0, 0), FOCUS_BLUR_PX * FINE)
    small = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)


def draw_wood(rng: np.random.Generator, size: tuple[int, int], colour: Colour) -> Canvas:
    """Return planks with grain along x: noise that is stretched, and bent a little, at three scales."""
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
    return np.asarray(shade[..., None] * np.array(colour, np.float32))


def draw_notebook(desk: Canvas, rng: np.random.Generator, centre: Point, angle: float) -> None:
    """A closed notebook with an elastic band and pages that show at its edge."""
    cover = [(96, 62, 38), (58, 74, 52), (52, 46, 120)][rng.integers(3)]
    put(desk, bar(desk, centre, (430, 560), angle), (205, 225, 232), 16)
    put(desk, bar(desk, centre, (424, 560), angle, (-8, 0)), cover)
    put(desk, bar(desk, centre, (16, 560), angle, (150, 0)), toned(cover, 0.55))


def draw_keyboard(desk: Canvas, centre: Point, angle: float) -> None:
    """The near edge of a keyboard: blank keys in staggered rows."""
    put(desk, bar(desk, centre, (620, 210), angle), (196, 192, 188), 14)
    for row in range(3):
        for key in range(10):
            at = (-270 + 58 * key + 14 * row, -70 + 58 * row)
            put(desk, bar(desk, centre, (50, 50), angle, (at[0], at[1] + 3)), (150, 146, 142))
            put(desk, bar(desk, centre, (48, 46), angle, at), (238, 236, 234))


def draw_mug(desk: Canvas, rng: np.random.Generator, centre: Point) -> None:
    """A mug of coffee, its handle pointing somewhere."""
    glaze = [(168, 120, 60), (80, 96, 200), (220, 226, 230)][rng.integers(3)]
    x, y = centre
    put(desk, bar(desk, centre, (66, 36), rng.uniform(-0.9, 0.4), (-112, 0)), glaze, 22)
    put(desk, disc(desk, centre, 96), glaze, 26)
    put(desk, disc(desk, centre, 84), toned(glaze, 0.72))
    put(desk, disc(desk, (x + 3, y + 4), 79), (24, 40, 66))
    put(desk, disc(desk, (x + 6, y + 8), 68), (30, 52, 84))
    put(desk, disc(desk, (x - 26, y - 30), 13), (200, 214, 224), opacity=0.5)


def draw_leaves(desk: Canvas, rng: np.random.Generator, root: Point) -> None:
    """A pot plant that reaches in from a corner."""
    for angle in np.linspace(-0.15, 1.5, 7) + rng.uniform(-0.1, 0.1, 7):
        length, green = rng.uniform(190, 300), rng.uniform(0.75, 1.15)
        along = np.linspace(0, 1, 20)
        half = 0.13 * length * np.sin(math.pi * along**0.8)
        x, y = root[0] + length * along * math.cos(angle), root[1] + length * along * math.sin(angle)
        left = list(zip(x - half * math.sin(angle), y + half * math.cos(angle), strict=True))
        right = list(zip(x + half * math.sin(angle), y - half * math.cos(angle), strict=True))
        put(desk, polygon(desk, left + right[::-1]), toned((58, 116, 74), green), 14)
        middle = list(zip(x, y, strict=True))
        put(desk, polygon(desk, left + middle[::-1]), toned((70, 134, 88), green))


def draw_pencil(desk: Canvas, centre: Point, angle: float, colour: Colour) -> None:
    """A pencil with a lit edge, a wooden cone and a lead."""
    put(desk, bar(desk, centre, (330, 22), angle), colour, 9)
    put(desk, bar(desk, centre, (330, 7), angle, (0, -6)), toned(colour, 1.4))
    put(desk, bar(desk, centre, (26, 22), angle, (-176, 0)), (170, 172, 178))
    put(desk, bar(desk, centre, (26, 22), angle, (-200, 0)), (140, 130, 214))
    for length, half, shade in ((44, 11, (150, 196, 226)), (14, 3.5, (52, 50, 50))):
        base, tip = 165 + 44 - length, 165 + 44
        put(desk, polygon(desk, turned([(base, -half), (base, half), (tip, 0)], centre, angle)), shade)


def draw_eraser(desk: Canvas, centre: Point, angle: float) -> None:
    """An eraser in its sleeve."""
    put(desk, bar(desk, centre, (112, 54), angle), (236, 238, 240), 12)
    put(desk, bar(desk, centre, (66, 54), angle, (22, 0)), (150, 88, 46))
    put(desk, bar(desk, centre, (66, 12), angle, (22, 0)), (226, 226, 226))


def draw_clip(desk: Canvas, centre: Point, angle: float) -> None:
    """A paper clip: one bent wire."""
    wire = [(-24, 9), (18, 9), (26, 0), (18, -9), (-22, -9), (-29, -2), (-22, 4), (10, 4)]
    points = np.round(np.array(turned(wire, centre, angle)) * 16).astype(np.int32)
    mask = np.zeros(desk.shape[:2], np.uint8)
    cv2.polylines(mask, [points], isClosed=False, color=255, thickness=4, lineType=cv2.LINE_AA, shift=4)
    put(desk, mask, (196, 190, 184), 4)
