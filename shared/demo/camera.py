"""A camera for users without one: handwritten digits on a sheet that moves over a desk in changing light.

Every frame is a function of the camera's seed and the time, and the digits in it are known.
"""

import math
from functools import lru_cache
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.desk import draw_desk
from shared.demo.light import FULL_LIGHT, compute_light
from shared.demo.motion import Matrix, compute_pose, ease_in_out, translation
from shared.demo.paper import Sheet, WrittenDigit, write_sheet

WIDTH, HEIGHT = 640, 480
RATE_HZ = 30
SHEET_S = 4.0  # how long each sheet is held up
CHANGE_S = 0.4  # how long of this it takes to come into view, and to leave it
SHADOW_PX = (13, 20)  # offset of the sheet's shadow on the desk: right, down
SHADOW_SCALE = 8  # the shadow is drawn at an eighth of the size, which makes it soft
EDGE: tuple[int, int, int] = (196, 204, 208)  # BGR of paper seen from the side
NOISE_STD = 2.0  # of the camera's sensor, in gray values
NOISE_MARGIN_PX = 64  # the noise field is this much larger than a frame; each frame uses another part of it

Image = NDArray[np.uint8]  # height x width x 3, BGR
Box = tuple[float, float, float, float]  # x, y, width, height, in pixels
LabeledBoxes = tuple[tuple[int, Box], ...]  # each digit with the box of its ink


class DemoCamera:
    """A synthetic camera. Its state (desk, noise, the last sheets) is drawn once and depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._desk = draw_desk(rng, WIDTH, HEIGHT)
        self._phase = rng.uniform(0, 2 * math.pi, 6)
        self._noise = make_noise_field(rng)
        self._sheet = lru_cache(maxsize=2)(lambda index: write_sheet(np.random.default_rng((seed, index))))

    def numbers(self, t: float) -> tuple[str, ...]:
        """Return the numbers on the sheet that is held up at t seconds, from top to bottom."""
        return self._sheet(int(t // SHEET_S)).numbers

    def visible_numbers(self, t: float) -> tuple[str, ...]:
        """Return those of numbers(t) of which each digit is entirely visible."""
        sheet, pose = self._hold_sheet(t)
        seen = iter([find_visible_box(written, pose) is not None for written in sheet.digits])
        return tuple(number for number in sheet.numbers if all(list(islice(seen, len(number)))))

    def render(self, t: float) -> tuple[Image, LabeledBoxes]:
        """Return the frame at t >= 0 seconds (480 x 640 x 3), and each digit that is entirely visible in it."""
        sheet, pose = self._hold_sheet(t)
        frame = draw_scene(self._desk, sheet, pose, compute_light(t, self._phase[0], WIDTH, HEIGHT))
        x, y = np.random.default_rng(round(t * 1000)).integers(0, NOISE_MARGIN_PX, 2)
        return np.asarray(cv2.add(frame, crop_noise(self._noise, x, y)), np.uint8), find_visible_digits(sheet, pose)

    def _hold_sheet(self, t: float) -> tuple[Sheet, Matrix]:
        """Return the sheet at t seconds and its pose."""
        sheet = self._sheet(int(t // SHEET_S))
        held_s = t % SHEET_S
        shown = ease_in_out(held_s / CHANGE_S) - ease_in_out((held_s - SHEET_S + CHANGE_S) / CHANGE_S)
        return sheet, compute_pose(t, self._phase, shown, sheet.image.shape[1::-1], (WIDTH, HEIGHT))


def make_noise_field(rng: np.random.Generator) -> Image:
    """Return sensor noise for a frame and NOISE_MARGIN_PX more."""
    shape = (HEIGHT + NOISE_MARGIN_PX, WIDTH + NOISE_MARGIN_PX, 3)
    return np.clip(np.round(rng.normal(2 * NOISE_STD, NOISE_STD, shape)), 0, 255).astype(np.uint8)


def crop_noise(field: Image, x: int, y: int) -> Image:
    return field[y : y + HEIGHT, x : x + WIDTH]


def draw_scene(desk: Image, sheet: Sheet, pose: Matrix, light: Image) -> Image:
    """Return the sheet over the desk, in this light."""
    scene = desk.copy()
    draw_shadow(scene, project_points(sheet_corners(sheet), pose))
    draw_sheet(scene, sheet, pose)
    return np.asarray(cv2.multiply(scene, light, scale=1 / FULL_LIGHT), np.uint8)


def sheet_corners(sheet: Sheet) -> NDArray[np.float32]:
    """Return the corners of a sheet in its own pixels: 4 x 2, clockwise."""
    height, width = sheet.image.shape[:2]
    return np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)


def project_points(points: NDArray[np.float32], pose: Matrix) -> NDArray[np.float32]:
    """Return points of the sheet (N x 2) in pixels of the frame."""
    return np.asarray(cv2.perspectiveTransform(points[None], pose)[0], np.float32)


def draw_shadow(scene: Image, quad: NDArray[np.float32]) -> None:
    """Darken the scene softly under a sheet with these corners."""
    left, top, right, bottom = clip_bounds(quad + SHADOW_PX, margin=5 * SHADOW_SCALE)
    small = np.full((-(-(bottom - top) // SHADOW_SCALE), -(-(right - left) // SHADOW_SCALE), 3), 255, np.uint8)
    shape = np.round((quad + SHADOW_PX - (left, top)) * 16 / SHADOW_SCALE).astype(np.int32)
    cv2.fillConvexPoly(small, shape, (115, 115, 115), cv2.LINE_AA, shift=4)
    shadow = cv2.resize(cv2.blur(small, (5, 5)), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    window = scene[top:bottom, left:right]
    cv2.multiply(window, shadow, window, scale=1 / 255)


def draw_sheet(scene: Image, sheet: Sheet, pose: Matrix) -> None:
    """Draw the sheet; a thin line along its edge is the thickness of the paper and hides jagged pixels."""
    quad = project_points(sheet_corners(sheet), pose)
    left, top, right, bottom = clip_bounds(quad, margin=1)
    window, in_window = scene[top:bottom, left:right], translation(-left, -top) @ pose
    cv2.warpPerspective(sheet.image, in_window, window.shape[1::-1], window, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    edge = np.round(quad * 16).astype(np.int32)
    cv2.polylines(scene, [edge], True, EDGE, 1, cv2.LINE_AA, shift=4)  # noqa: FBT003 - its name differs by version


def clip_bounds(quad: NDArray[np.float32], margin: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the visible part of a quad and its margin; at least one pixel."""
    (left, top), (right, bottom) = quad.min(axis=0) - margin, quad.max(axis=0) + margin
    x, y = min(max(0, int(left)), WIDTH - 1), min(max(0, int(top)), HEIGHT - 1)
    return x, y, min(WIDTH, max(x + 1, math.ceil(right))), min(HEIGHT, max(y + 1, math.ceil(bottom)))


def find_visible_digits(sheet: Sheet, pose: Matrix) -> LabeledBoxes:
    """Return the digits that are entirely in the frame, in writing order, with the boxes of their ink."""
    boxes = ((written.digit, find_visible_box(written, pose)) for written in sheet.digits)
    return tuple((digit, box) for digit, box in boxes if box)


def find_visible_box(written: WrittenDigit, pose: Matrix) -> Box | None:
    """Return the box of a digit's ink in the frame; None if it is not entirely in it."""
    points = project_points(written.outline, pose)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    is_visible = left >= 0 and top >= 0 and right < WIDTH and bottom < HEIGHT
    return (float(left), float(top), float(right - left), float(bottom - top)) if is_visible else None
