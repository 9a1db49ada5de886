"""Hollow things of a desk, which are no 0, no 6 and no 8: mugs, coins, wheels and buttons; clips, rings and cables."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.papers import Grey, surface
from training.scenes.strokes import curve

# The middle of a wire in a box of 1 x 1, y downwards: two paper clips and a loop. A lone ring of wire would be a 0.
WIRES: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0.66, 0.2), (0.66, 0.75), (0.5, 0.88), (0.34, 0.75), (0.34, 0.12), (0.55, 0), (0.76, 0.12), (0.76, 0.85),
     (0.55, 1), (0.3, 0.9), (0.28, 0.35)),
    ((0.35, 0.3), (0.35, 0.8), (0.5, 0.9), (0.65, 0.8), (0.65, 0.1), (0.5, 0), (0.35, 0.05)),
    ((0, 1), (0.2, 0.4), (0.5, 0), (0.85, 0.3), (0.5, 0.7), (0.15, 0.3), (0.5, 0.05), (0.8, 0.5), (1, 1)),
)  # fmt: skip


def lay_ring(rng: np.random.Generator, scene: Grey) -> None:
    """Lay something hollow on the scene."""
    if rng.random() < 0.65:
        lay_dish(rng, scene)
    else:
        lay_wire(rng, scene)


def lay_dish(rng: np.random.Generator, scene: Grey) -> None:
    """Lay a mug, a coin, a wheel or a button on the scene: ellipses in each other, some with a handle."""
    side = scene.shape[0]
    centre, turn = rng.uniform(0, side, 2), rng.uniform(0, 180)
    radius, width = float(np.exp(rng.uniform(np.log(6), np.log(60)))), rng.uniform(0.6, 1)
    glaze = rng.uniform(5, 250)
    if rng.random() < 0.4:
        angle, thick = rng.uniform(0, 2 * np.pi), max(2, int(radius * rng.uniform(0.15, 0.45)))
        end = centre + radius * rng.uniform(1.1, 1.6) * np.array([np.cos(angle), np.sin(angle)])
        cover_line(scene, np.array([centre, end]), thick, glaze, rng.uniform(0.4, 1.2))
    for ring in range(int(rng.integers(2, 6))):
        layer = np.zeros(scene.shape, np.uint8)
        box = (centre.tolist(), (2 * radius * width, 2 * radius), turn)
        cv2.ellipse(layer, box, 255, cv2.FILLED, cv2.LINE_AA)
        cover = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.4, 1.2)).astype(np.float32) / 255
        is_rich = radius > 12 and rng.random() < 0.2
        tone = surface(rng, scene.shape) if is_rich else rng.uniform(5, 250) if ring else glaze
        scene += cover * (tone - scene)
        centre, radius = centre + rng.normal(0, 0.04 * radius, 2), radius * rng.uniform(0.4, 0.95)


def lay_wire(rng: np.random.Generator, scene: Grey) -> None:
    """Lay a bent wire on the scene, its shadow beside it and its light on it."""
    size_px = float(np.exp(rng.uniform(np.log(14), np.log(90))))
    shape = np.array([size_px * rng.uniform(0.5, 1), size_px])
    turn, place = rng.uniform(0, 2 * np.pi), rng.uniform(0, scene.shape[0], 2)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    wire = WIRES[rng.integers(len(WIRES))]
    points = (curve(np.array(wire, np.float32)) - 0.5) * shape @ turned + place
    thick, tone, blur = max(1, round(size_px * rng.uniform(0.03, 0.12))), rng.uniform(20, 240), rng.uniform(0.4, 1)
    if rng.random() < 0.6:
        shade = float(scene.mean()) * rng.uniform(0.3, 0.8)
        cover_line(scene, points + rng.uniform(-0.06, 0.06, 2) * size_px, thick, shade, 2 * blur)
    cover_line(scene, points, thick, tone, blur)
    if thick > 2:
        cover_line(scene, points - 0.25 * thick, max(1, thick // 3), min(255, tone + 70), blur)


def cover_line(scene: Grey, points: NDArray[np.floating], thick_px: int, tone: float, blur_px: float) -> None:
    """Draw a line through N x 2 points over the scene."""
    layer = np.zeros(scene.shape, np.uint8)
    cv2.polylines(layer, [np.rint(points * 8).astype(np.int32)], False, 255, thick_px, cv2.LINE_AA, shift=3)  # noqa: FBT003
    cover = cv2.GaussianBlur(layer, (0, 0), blur_px).astype(np.float32) / 255
    scene += cover * (tone - scene)
