"""Antialiased shapes with soft shadows, drawn on a canvas one over another."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.float32]  # height x width x 3, BGR, 0 to 255: an image while it is drawn
Mask = NDArray[np.uint8]  # height x width, 255 inside a shape
Color = tuple[int, int, int]  # BGR
Point = tuple[float, float]  # x, y


def polygon_mask(canvas: Canvas, points: Sequence[Point]) -> Mask:
    """Return a filled polygon with smooth edges."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask


def disc_mask(canvas: Canvas, center: Point, radius: float) -> Mask:
    """Return a filled circle with smooth edges."""
    turn = np.linspace(0, 2 * math.pi, 90, endpoint=False)
    return polygon_mask(canvas, [(center[0] + radius * math.cos(a), center[1] + radius * math.sin(a)) for a in turn])


def rotate_points(points: Sequence[Point], center: Point, angle: float) -> list[Point]:
    """Return points around (0, 0) rotated by an angle in radians and moved to a center."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(center[0] + cos * x - sin * y, center[1] + sin * x + cos * y) for x, y in points]


def bar_mask(canvas: Canvas, center: Point, size: Point, angle: float, shift: Point = (0, 0)) -> Mask:
    """Return a filled rectangle, rotated about its center; shift moves it along its own axes."""
    (x, y), (half_w, half_h) = shift, (size[0] / 2, size[1] / 2)
    corners = [(x - half_w, y - half_h), (x + half_w, y - half_h), (x + half_w, y + half_h), (x - half_w, y + half_h)]
    return polygon_mask(canvas, rotate_points(corners, center, angle))


def draw_shape(canvas: Canvas, shape: Mask, color: Color, height_px: float = 0, opacity: float = 1) -> None:
    """Draw a shape in one color; with height_px it casts a soft shadow down to the right."""
    x, y, w, h = cv2.boundingRect(shape)
    pad = math.ceil(3 * height_px)  # how far the shadow reaches
    window = np.s_[max(0, y - pad) : y + h + pad, max(0, x - pad) : x + w + pad]
    part, inside = canvas[window], shape[window].astype(np.float32)[..., None] * (opacity / 255)
    if height_px:
        move = np.array([[1, 0, 0.6 * height_px], [0, 1, 0.9 * height_px]], np.float32)
        thrown = cv2.GaussianBlur(cv2.warpAffine(inside, move, inside.shape[1::-1]), (0, 0), 0.5 * height_px)
        part *= 1 - 0.5 * thrown[..., None]
    part += inside * (np.array(color, np.float32) - part)


def scale_color(color: Color, factor: float) -> Color:
    """Return the color made darker (factor below 1) or brighter."""
    b, g, r = (min(255, int(factor * channel)) for channel in color)
    return b, g, r
