"""Shapes with smooth edges and soft shadows, laid on a canvas one over another."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.float32]  # height x width x 3, BGR, 0 to 255: a picture while it is drawn on
Mask = NDArray[np.uint8]  # height x width, 255 inside a shape
Colour = tuple[int, int, int]  # BGR
Point = tuple[float, float]  # x, y


def polygon(canvas: Canvas, points: Sequence[Point]) -> Mask:
    """A filled polygon with smooth edges."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.array(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask


def disc(canvas: Canvas, centre: Point, radius: float) -> Mask:
    """A filled circle with smooth edges."""
    turn = np.linspace(0, 2 * math.pi, 90, endpoint=False)
    return polygon(canvas, [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in turn])


def turned(points: Sequence[Point], centre: Point, angle: float) -> list[Point]:
    """Points given about (0, 0), turned by an angle in radians and moved to a centre."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(centre[0] + cos * x - sin * y, centre[1] + sin * x + cos * y) for x, y in points]


def bar(canvas: Canvas, centre: Point, size: Point, angle: float, shift: Point = (0, 0)) -> Mask:
    """A filled rectangle, turned about its centre; shift moves it along its own axes."""
    (x, y), (half_w, half_h) = shift, (size[0] / 2, size[1] / 2)
    corners = [(x - half_w, y - half_h), (x + half_w, y - half_h), (x + half_w, y + half_h), (x - half_w, y + half_h)]
    return polygon(canvas, turned(corners, centre, angle))


def put(canvas: Canvas, shape: Mask, colour: Colour, height_px: float = 0, opacity: float = 1) -> None:
    """Lay a shape of one colour on the canvas; one height_px high throws a soft shadow down to the right."""
    x, y, w, h = cv2.boundingRect(shape)
    pad = math.ceil(3 * height_px)  # the shadow reaches no further
    window = np.s_[max(0, y - pad) : y + h + pad, max(0, x - pad) : x + w + pad]
    part, inside = canvas[window], shape[window].astype(np.float32)[..., None] * (opacity / 255)
    if height_px:
        move = np.array([[1, 0, 0.6 * height_px], [0, 1, 0.9 * height_px]], np.float32)
        thrown = cv2.GaussianBlur(cv2.warpAffine(inside, move, inside.shape[1::-1]), (0, 0), 0.5 * height_px)
        part *= 1 - 0.5 * thrown[..., None]
    part += inside * (np.array(colour, np.float32) - part)


def toned(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor below 1) or brighter."""
    b, g, r = (min(255, int(factor * channel)) for channel in colour)
    return b, g, r
