"""Objects on the desk that resemble digits: pencils, clips, mugs with handles, cables, books, leaves of plants."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.papers import Grey
from training.scenes.sampling import draw_log_uniform
from training.scenes.strokes import smooth_stroke

Outline = NDArray[np.float64]  # n x 2


def lay_stationery(rng: np.random.Generator, scene: Grey) -> None:
    """Draw one of these objects at a random place, size and angle."""
    kinds: tuple[Callable[[np.random.Generator, Grey], None], ...]
    kinds = (lay_pencil, lay_clip, lay_mug, lay_cable, lay_book, lay_plant)
    kinds[rng.choice(6, p=(0.18, 0.2, 0.36, 0.06, 0.09, 0.11))](rng, scene)


def lay_pencil(rng: np.random.Generator, scene: Grey) -> None:
    """Draw a pencil or a pen: a bar of two or three shades along its length, with a pointed tip."""
    width = draw_log_uniform(rng, 2.5, 22)
    length = width * rng.uniform(5, 22)
    place, grey, tip = choose_placement(rng, scene), rng.uniform(10, 245), width * rng.uniform(0.8, 2.2)
    shades = int(rng.integers(1, 4))
    for shade in range(shades):
        low, high = -width / 2 + width * shade / shades, -width / 2 + width * (shade + 1) / shades
        fill_outline(scene, place([(0, low), (length, low), (length, high), (0, high)]), grey * rng.uniform(0.6, 1.15))
    if rng.random() < 0.8:
        fill_outline(
            scene, place([(length, -width / 2), (length + tip, 0), (length, width / 2)]), rng.uniform(120, 230)
        )
        lead = 0.35 * width / 2
        fill_outline(scene, place([(length + 0.65 * tip, -lead), (length + tip, 0), (length + 0.65 * tip, lead)]), 30)
    if rng.random() < 0.5:
        end = width * rng.uniform(0.5, 1.2)
        fill_outline(scene, place(make_bar(-end, 0, width)), rng.uniform(60, 230))


def lay_clip(rng: np.random.Generator, scene: Grey) -> None:
    """Draw a paper clip: one wire, bent into nested loops."""
    size, narrow = draw_log_uniform(rng, 8, 60), rng.uniform(0.18, 0.4)
    wire = np.array(
        [(0.3, -0.6), (0.3, 0.75), (0, 1), (-0.6, 0.8), (-0.6, -0.8), (-0.1, -1.2), (0.6, -0.9), (0.6, 1.2), (0.0, 1.5),
         (-0.9, 1.2), (-0.9, -0.4)]
    ) * (size * narrow, size / 2.7)  # fmt: skip
    draw_wire(
        scene,
        choose_placement(rng, scene)(wire[: int(rng.integers(7, 12))]),
        choose_wire_width(rng, size),
        rng.uniform(20, 245),
    )


def lay_cable(rng: np.random.Generator, scene: Grey) -> None:
    """Draw a cable, a string, a hair or a rubber band: a long curve, often crossing itself."""
    size = draw_log_uniform(rng, 15, 160)
    points = np.cumsum(rng.normal(0, 0.5, (int(rng.integers(4, 10)), 2)), axis=0) * size
    if rng.random() < 0.3:
        points = np.concatenate([points, points[:1]])
    draw_wire(scene, choose_placement(rng, scene)(points), choose_wire_width(rng, size), rng.uniform(5, 245))


def lay_mug(rng: np.random.Generator, scene: Grey) -> None:
    """Draw a mug seen from above or at an angle, which resembles a 0, 6 or 9: handle, rim, drink and a glint of light.

    From above, an inner wall in shadow and the edge of the drink make the rim a stroke of several tones.
    """
    radius, flat, grey = draw_log_uniform(rng, 8, 70), rng.uniform(0.75, 1), rng.uniform(20, 245)
    place, drink = choose_placement(rng, scene), rng.uniform(10, 240)
    if rng.random() < 0.8:  # otherwise a bowl, a glass, a jar
        reach, thick = radius * rng.uniform(1.15, 1.7), radius * rng.uniform(0.12, 0.4)
        if rng.random() < 0.5:  # seen from above, a handle is a bar
            fill_outline(scene, place(make_bar(0, reach, thick)), grey)
        else:
            handle = [(0.9, -0.45), (reach / radius, -0.3), (reach / radius, 0.3), (0.9, 0.45)]
            draw_wire(scene, place(np.array(handle) * radius), thick, grey)
    inner = rng.uniform(0.75, 0.95)
    layers = [(1.0, grey), (inner, grey * rng.uniform(0.5, 0.9)), (inner * rng.uniform(0.88, 0.99), drink)]
    layers += [(inner * rng.uniform(0.4, 0.85), drink * rng.uniform(0.8, 1.25))]
    shift = np.zeros(2)
    for share, tone in layers:
        fill_outline(scene, place(make_ellipse(flat) * radius * share + shift), min(tone, 250))
        shift = shift + rng.normal(0, 0.02, 2) * radius
    if rng.random() < 0.5:
        at = rng.uniform(-0.4, 0.4, 2) * radius
        glint = make_ellipse(rng.uniform(0.4, 1)) * radius * rng.uniform(0.06, 0.2) + at
        fill_outline(scene, place(glint), rng.uniform(120, 250))


def lay_book(rng: np.random.Generator, scene: Grey) -> None:
    """Draw a book, a notebook or a folder: a cover, its pages as a bright strip along one side, perhaps a band."""
    width, height = (draw_log_uniform(rng, 40, 240) for _ in "wh")
    strip, cover = draw_log_uniform(rng, 1.2, 9), rng.uniform(10, 200)
    place = choose_placement(rng, scene)
    fill_outline(scene, place(make_bar(0, width + strip, height)), rng.uniform(cover, 250))
    fill_outline(scene, place(make_bar(0, width, height)), cover)
    if rng.random() < 0.5:
        left = rng.uniform(0.1, 0.9) * width
        fill_outline(scene, place(make_bar(left, left + draw_log_uniform(rng, 1.5, 10), height)), rng.uniform(5, 220))


def lay_plant(rng: np.random.Generator, scene: Grey) -> None:
    """Draw the leaves of a plant: a fan of pointed blades, one half of each in shadow."""
    length, wide = draw_log_uniform(rng, 20, 170), rng.uniform(0.05, 0.22)
    place, grey, start = choose_placement(rng, scene), rng.uniform(20, 200), rng.uniform(0, 2 * np.pi)
    along = np.linspace(0, 1, 20)
    for blade in range(int(rng.integers(1, 8))):
        size, turn = length * rng.uniform(0.6, 1), start + blade * rng.uniform(0.2, 0.5)
        half, tone = wide * size * np.sin(np.pi * along**0.8), grey * rng.uniform(0.8, 1.2)
        ahead, aside = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        middle = (size * along)[:, None] * ahead
        left, right = middle + half[:, None] * aside, middle - half[:, None] * aside
        fill_outline(scene, place(np.concatenate([left, right[::-1]])), tone)
        fill_outline(scene, place(np.concatenate([left, middle[::-1]])), tone * rng.uniform(0.8, 1.25))


def make_bar(left: float, right: float, length: float) -> list[tuple[float, float]]:
    """Return the corners of a bar: its sides at left and right, its ends half its length above and below 0."""
    return [(left, -length / 2), (right, -length / 2), (right, length / 2), (left, length / 2)]


def make_ellipse(flat: float) -> Outline:
    """Return an ellipse around (0, 0), 1 wide and flat high (half axes)."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.stack([np.cos(angles), flat * np.sin(angles)], axis=1)


def choose_placement(rng: np.random.Generator, scene: Grey) -> Callable[[object], Outline]:
    """Return a function that rotates an outline and moves it from (0, 0) to a random place of the scene."""
    middle, angle = rng.uniform(0, scene.shape[0], 2), rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return lambda points: np.asarray(points, np.float64) @ turn + middle


def choose_wire_width(rng: np.random.Generator, size: float) -> float:
    """Return a random width of wire for an object of this size."""
    return float(np.clip(size * rng.uniform(0.03, 0.13), 1, 12))


def fill_outline(scene: Grey, points: Outline, grey: float) -> None:
    """Fill an outline."""
    layer = np.zeros(scene.shape, np.uint8)
    cv2.fillPoly(layer, [np.rint(points * 8).astype(np.int32)], 255, cv2.LINE_AA, shift=3)
    blend_layer(scene, layer, grey)


def draw_wire(scene: Grey, points: Outline, width: float, grey: float) -> None:
    """Draw a smooth line through points, with its shadow."""
    line = np.rint(smooth_stroke(points.astype(np.float32)) * 8).astype(np.int32)
    for shift, tone in ((int(4 * width), None), (0, grey)):
        layer = np.zeros(scene.shape, np.uint8)
        cv2.polylines(layer, [line + shift], False, 255, max(1, round(width)), cv2.LINE_AA, shift=3)  # noqa: FBT003
        blend_layer(scene, layer, tone)


def blend_layer(scene: Grey, layer: NDArray[np.uint8], grey: float | None) -> None:
    """Blend a grey into the scene where the layer is 255; None darkens it, as a shadow does."""
    cover = layer.astype(np.float32) / np.float32(255)
    scene += cover * (grey - scene) if grey is not None else cover * scene * np.float32(-0.2)
