"""Backgrounds around the sheet: overlapping objects of all sizes, patterns, and fingers on the sheet's edge.

The dead-leaves model (Lee, Mumford and Huang, 2001) draws opaque shapes over each other, their sizes by a power law.
Such pictures have as many edges and flat areas as photographs.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.papers import Grey, make_clouds, make_slope, make_stripes
from training.scenes.sampling import draw_log_uniform
from training.scenes.stationery import lay_stationery
from training.scenes.things import Things, crop_view, draw_stamp


def make_clutter(rng: np.random.Generator, side: int, things: Things) -> Grey:
    """Return a background without a sheet: a photographed view or dead leaves, and objects on it."""
    if things.views and rng.random() < 0.45:
        scene = crop_view(rng, things.views[rng.integers(len(things.views))], side)
    else:
        scene = make_leaves(rng, side)
    if things.stamps and rng.random() < 0.75:
        for _ in range(int(rng.integers(1, 9))):
            lay_thing(rng, scene, things)
    for _ in range(int(rng.integers(-4, 5))):
        lay_dish(rng, scene)
    for _ in range(int(rng.integers(-2, 5))):
        lay_stationery(rng, scene)
    return scene


def lay_dish(rng: np.random.Generator, scene: Grey) -> None:
    """Draw a mug, a coin, a wheel or a button: nested ellipses, which are neither a 0 nor an 8."""
    side = scene.shape[0]
    centre, turn = rng.uniform(0, side, 2), rng.uniform(0, 180)
    radius, width = draw_log_uniform(rng, 6, 60), rng.uniform(0.6, 1)
    for _ in range(int(rng.integers(2, 6))):
        layer = np.zeros(scene.shape, np.uint8)
        box = (centre.tolist(), (2 * radius * width, 2 * radius), turn)
        cv2.ellipse(layer, box, 255, cv2.FILLED, cv2.LINE_AA)
        cover = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.4, 1.2)).astype(np.float32) / 255
        tone = choose_surface(rng, scene.shape) if radius > 12 and rng.random() < 0.2 else rng.uniform(5, 250)
        scene += cover * (tone - scene)
        centre, radius = centre + rng.normal(0, 0.04 * radius, 2), radius * rng.uniform(0.4, 0.95)


def lay_thing(rng: np.random.Generator, scene: Grey, things: Things) -> None:
    """Draw a photographed object, of a digit's size up to three times the scene's."""
    size_px = draw_log_uniform(rng, 16, 3 * scene.shape[0])
    draw_stamp(rng, scene, things.stamps[rng.integers(len(things.stamps))], size_px)


def make_leaves(rng: np.random.Generator, side: int) -> Grey:
    """Return a dead-leaves picture, some shapes with a pattern, slightly blurred."""
    scene = np.full((side, side), rng.uniform(10, 245), np.float32) + 20 * make_clouds(rng, side, 4)
    if rng.random() < 0.3:
        scene += make_wood_grain(rng, side)
    for _ in range(int(rng.integers(0, 45))):
        drop_leaf(rng, scene)
    if rng.random() < 0.3:
        scene += rng.uniform(4, 25) * make_clouds(rng, side, side // int(rng.integers(2, 5)))
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.4, 2)), np.float32)


def make_wood_grain(rng: np.random.Generator, side: int) -> Grey:
    """Return the grain of wood: streaks, some as long as the scene, that must not be read as 1s."""
    lines, changes = side // int(rng.integers(2, 9)), int(rng.integers(2, 6))
    streaks = cv2.resize(rng.standard_normal((changes, lines), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-12, 12), 1.45)
    turned = cv2.warpAffine(streaks, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(rng.uniform(4, 40) * (turned if rng.random() < 0.5 else turned.T), np.float32)


def drop_leaf(rng: np.random.Generator, scene: Grey) -> None:
    """Draw one random shape on the scene."""
    side = scene.shape[0]
    radius = float(np.clip(3 / (rng.random() + 0.02), 3, side))
    outline = make_outline(rng, radius) + rng.uniform(-10, side + 10, 2)
    corner = np.clip(np.floor(outline.min(axis=0)) - 1, 0, side - 1).astype(int)
    end = np.clip(np.ceil(outline.max(axis=0)) + 2, corner + 1, side).astype(int)
    below = scene[corner[1] : end[1], corner[0] : end[0]]
    layer = np.zeros(below.shape, np.uint8)
    points = [np.rint((outline - corner) * 8).astype(np.int32)]
    if rng.random() < 0.2:  # hollow shapes, such as rings and frames, which must not be read as 0s
        width = int(rng.integers(1, max(3, int(radius / 4))))
        cv2.polylines(layer, points, True, 255, width, cv2.LINE_AA, shift=3)  # noqa: FBT003
    else:
        cv2.fillPoly(layer, points, 255, cv2.LINE_AA, shift=3)
    cover = layer.astype(np.float32) / 255
    below += cover * (choose_surface(rng, below.shape) - below)
    if rng.random() < 0.2:
        below += cv2.morphologyEx(cover, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) * rng.uniform(-120, 120)


def make_outline(rng: np.random.Generator, radius: float) -> NDArray[np.float64]:
    """Return the outline (n x 2) of a shape around (0, 0): an ellipse, a box, a bar or a polygon."""
    kind = rng.integers(4)
    corners = 24 if kind == 0 else 4 if kind < 3 else int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) if kind == 3 else np.arange(corners) * 2 * np.pi / corners
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ring *= (radius, radius * (rng.uniform(0.05, 0.25) if kind == 2 else rng.uniform(0.4, 1)))
    turn = rng.uniform(0, np.pi)
    return np.asarray(ring @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]))


def choose_surface(rng: np.random.Generator, shape: tuple[int, ...]) -> Grey | float:
    """Return the grey of a surface: flat, shaded, striped or grainy."""
    grey, side = rng.uniform(5, 250), max(shape)
    kind = rng.random()
    if kind < 0.5:
        return float(grey)
    if kind < 0.75:
        texture = rng.uniform(10, 60) * make_slope(rng, side)
    elif kind < 0.9:
        step = rng.uniform(4, 30)
        texture = rng.uniform(-90, 90) * make_stripes(
            rng, side, rng.uniform(0, np.pi), step, step * rng.uniform(0.1, 0.6)
        )
    else:
        texture = rng.uniform(5, 40) * make_clouds(rng, side, side // 3 + 1)
    return np.asarray(grey + texture[: shape[0], : shape[1]], np.float32)


def cover_edge(rng: np.random.Generator, scene: Grey, behind: Grey) -> None:
    """Draw a straight edge of the sheet, with the background beyond it."""
    side = scene.shape[0]
    away = (make_slope(rng, side) - rng.uniform(0.3, 0.9)) * side / 2
    beyond = np.clip(away + 0.5, 0, 1)
    scene += beyond * (behind - scene)
    scene *= 1 - np.exp(-np.abs(away) / rng.uniform(0.6, 3)) * rng.uniform(-0.1, 0.4)


def draw_fingers(rng: np.random.Generator, scene: Grey) -> None:
    """Draw fingers that reach in from an edge."""
    side = scene.shape[0]
    base, skin, width = rng.uniform(0, side, 2), rng.uniform(60, 210), rng.uniform(12, 34)
    base[rng.integers(2)] = rng.choice([-8, side + 8])
    inwards = (side / 2 - base) / np.linalg.norm(side / 2 - base)
    for finger in range(int(rng.integers(1, 4))):
        start = base + finger * width * 1.1 * np.array([-inwards[1], inwards[0]])
        tip = start + inwards * rng.uniform(15, 70)
        layer = np.zeros(scene.shape, np.uint8)
        cv2.line(layer, np.rint(start).astype(int).tolist(), np.rint(tip).astype(int).tolist(), 255, int(width))
        cover = cv2.GaussianBlur(layer.astype(np.float32) / 255, (0, 0), rng.uniform(0.6, 1.5))
        rounded = cv2.GaussianBlur(cover, (0, 0), width / 3)
        scene += cover * (skin * (0.45 + 0.6 * rounded) - scene)
