"""A camera for those who have none: handwritten digits on a sheet that moves over a desk, in changing light.

Every picture is a function of the camera's seed and the time, and the digits in it are known.
"""

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.desk import draw_desk
from shared.demo.light import FULL, light
from shared.demo.motion import Matrix, ease, hold, shift
from shared.demo.paper import Sheet, write_sheet
from shared.vision.digit import Box

WIDTH, HEIGHT = 640, 480
RATE_HZ = 30
SHEET_S = 4.0  # each sheet is held up for so long
CHANGE_S = 0.4  # of which it takes this to come, and this to go
SHADOW = (13, 20)  # pixels to the right and down: how far the sheet's shadow falls on the desk
SHADOW_COARSE = 8  # it is drawn at an eighth of the size, which makes it soft
EDGE = (196, 204, 208)  # BGR, of paper seen from the side
NOISE = 2.0  # of the camera's sensor: standard deviation, grey values
NOISE_ROOM = 64  # the noise is this much larger than the picture, which takes another part of it each time

Picture = NDArray[np.uint8]  # height x width x 3, BGR
Truth = tuple[tuple[int, Box], ...]


class Demo:
    """A synthetic camera. What it keeps is drawn once and depends on the seed alone: desk, noise, the last sheets."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._desk = draw_desk(rng, WIDTH, HEIGHT)
        self._phase = rng.uniform(0, 2 * math.pi, 6)
        noise = rng.normal(2 * NOISE, NOISE, (HEIGHT + NOISE_ROOM, WIDTH + NOISE_ROOM, 3))
        self._noise = np.clip(np.round(noise), 0, 255).astype(np.uint8)
        self._sheet = lru_cache(maxsize=2)(lambda index: write_sheet(np.random.default_rng((seed, index))))

    def numbers(self, t: float) -> tuple[str, ...]:
        """Return the numbers on the sheet that is held up at t seconds, from top to bottom."""
        return self._sheet(int(t // SHEET_S)).numbers

    def render(self, t: float) -> tuple[Picture, Truth]:
        """Return the picture at t >= 0 seconds (480 x 640 x 3), and each digit wholly in it with the box of its ink."""
        sheet = self._sheet(int(t // SHEET_S))
        age = t % SHEET_S
        shown = ease(age / CHANGE_S) - ease((age - SHEET_S + CHANGE_S) / CHANGE_S)
        pose = hold(t, self._phase, shown, sheet.picture.shape[1::-1], (WIDTH, HEIGHT))
        picture = self._desk.copy()
        throw_shadow(picture, project(corners(sheet), pose))
        lay_sheet(picture, sheet, pose)
        cv2.multiply(picture, light(t, self._phase[0], WIDTH, HEIGHT), picture, scale=1 / FULL)
        return self._expose(picture, t), find_truth(sheet, pose)

    def _expose(self, picture: Picture, t: float) -> Picture:
        """Add the sensor's noise, from a place in it that the time decides."""
        x, y = np.random.default_rng(round(t * 1000)).integers(0, NOISE_ROOM, 2)
        return np.asarray(cv2.add(picture, self._noise[y : y + HEIGHT, x : x + WIDTH]), np.uint8)


def corners(sheet: Sheet) -> NDArray[np.float32]:
    """Return the corners of a sheet in its own pixels: 4 x 2, clockwise."""
    height, width = sheet.picture.shape[:2]
    return np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)


def project(points: NDArray[np.float32], pose: Matrix) -> NDArray[np.float32]:
    """Return where points of the sheet (N x 2) are in the picture."""
    return np.asarray(cv2.perspectiveTransform(points[None], pose)[0], np.float32)


def throw_shadow(picture: Picture, quad: NDArray[np.float32]) -> None:
    """Darken the picture under the sheet whose corners are given, softly."""
    left, top, right, bottom = bounds(quad + SHADOW, margin=5 * SHADOW_COARSE)
    coarse = np.full((-(-(bottom - top) // SHADOW_COARSE), -(-(right - left) // SHADOW_COARSE), 3), 255, np.uint8)
    thrown = np.round((quad + SHADOW - (left, top)) * 16 / SHADOW_COARSE).astype(np.int32)
    cv2.fillConvexPoly(coarse, thrown, (115, 115, 115), cv2.LINE_AA, shift=4)
    shadow = cv2.resize(cv2.blur(coarse, (5, 5)), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    window = picture[top:bottom, left:right]
    cv2.multiply(window, shadow, window, scale=1 / 255)


def lay_sheet(picture: Picture, sheet: Sheet, pose: Matrix) -> None:
    """Draw the sheet over the picture; a thin line along its edge is the thickness of paper, and hides the steps."""
    quad = project(corners(sheet), pose)
    left, top, right, bottom = bounds(quad, margin=1)
    window, seen = picture[top:bottom, left:right], shift(-left, -top) @ pose
    cv2.warpPerspective(sheet.picture, seen, window.shape[1::-1], window, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    edge = np.round(quad * 16).astype(np.int32)
    cv2.polylines(picture, [edge], True, EDGE, 1, cv2.LINE_AA, shift=4)  # noqa: FBT003 - its name differs by version


def bounds(quad: NDArray[np.float32], margin: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what the picture shows around a quad; at least one pixel."""
    (left, top), (right, bottom) = quad.min(axis=0) - margin, quad.max(axis=0) + margin
    x, y = min(max(0, int(left)), WIDTH - 1), min(max(0, int(top)), HEIGHT - 1)
    return x, y, min(WIDTH, max(x + 1, math.ceil(right))), min(HEIGHT, max(y + 1, math.ceil(bottom)))


def find_truth(sheet: Sheet, pose: Matrix) -> Truth:
    """Return the digits that are wholly in the picture, in the order of writing, with the boxes of their ink."""
    found = []
    for written in sheet.digits:
        points = project(written.outline, pose)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        if left >= 0 and top >= 0 and right < WIDTH and bottom < HEIGHT:
            found.append((written.digit, (float(left), float(top), float(right - left), float(bottom - top))))
    return tuple(found)
