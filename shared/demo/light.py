"""The light on the demo's desk: a lamp that varies, a shadow that passes, and the ambient light of the room."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

COARSE = 16  # light is computed at every sixteenth pixel and interpolated
FULL_LIGHT = 192  # means "as bright as drawn", so that the lamp can be a third brighter
ROOM = np.array((0.60, 0.56, 0.53), np.float32)  # BGR; cool light from a window, which the shadow does not affect
LAMP = np.array((0.37, 0.45, 0.50), np.float32)  # warm
PASS_S = 11.0  # seconds from one shadow to the next
SHADOW_WIDTH = 0.20  # of the frame's width
SHADOW_DEPTH = 0.85  # share of the lamp's light that it takes


def compute_light(t: float, phase: float, width: int, height: int) -> NDArray[np.uint8]:
    """Return the light in every pixel (height x width x 3, BGR, 192 = as drawn); phase, an angle, is the camera's."""
    y, x = np.mgrid[0 : height / width : height // COARSE * 1j, 0 : 1 : width // COARSE * 1j].astype(np.float32)
    lamp = 0.45 + 0.75 * np.exp(-((x - 0.3) ** 2 + (y - 0.15) ** 2) / 0.45)
    lamp *= 1 + 0.07 * math.sin(0.9 * t + phase)
    where = (t / PASS_S + phase / (2 * math.pi)) % 1 * 4 - 1  # outside the frame half of the time
    across = (x + 0.35 * math.cos(phase) * y - where) / SHADOW_WIDTH
    lamp *= 1 - SHADOW_DEPTH * np.exp(-(across**4))
    coarse = np.clip(FULL_LIGHT * (ROOM + lamp[..., None] * LAMP), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
