"""The pose of the demo's hand-held sheet: position and tilt as functions of time."""

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Size = tuple[int, int]  # width, height

FOCAL_PX = 700.0  # a webcam's: 49 degrees across 640 pixels
FILL = (0.72, 0.74)  # largest share of the frame's width and height, at the usual distance
TILT = (math.radians(20), math.radians(18), math.radians(11))  # maximum about x, about y, and in the image plane
SWAY_HZ = (0.11, 0.14, 0.09, 0.08, 0.07, 0.12)  # of the six degrees of freedom: three tilts, distance, right, down
TREMBLE_PX, TREMBLE_HZ = 0.7, 2.6


def compute_pose(t: float, phase: NDArray[np.float64], shown: float, sheet: Size, frame: Size) -> Matrix:
    """Return the 3 x 3 homography from the sheet's pixels to the frame's.

    phase has six angles, different for each camera. shown is 1 while the sheet is held up, 0 while it is below the
    frame.
    """
    tilt_x, tilt_y, roll, near, right, down = compute_sway(t, phase)
    turn = rotation(TILT[0] * tilt_x, TILT[1] * tilt_y + 0.5 * (1 - shown), TILT[2] * roll + 0.4 * (1 - shown))
    scale = min(FILL[0] * frame[0] / sheet[0], FILL[1] * frame[1] / sheet[1]) * (1 + 0.09 * near)
    tremble = TREMBLE_PX * math.sin(2 * math.pi * TREMBLE_HZ * t + phase[0])
    x = 0.05 * frame[0] * right + tremble
    y = 0.035 * frame[1] * down + tremble + 1.15 * frame[1] * (1 - shown)
    plane = np.column_stack((scale * turn[:, 0], scale * turn[:, 1], (x, y, FOCAL_PX)))
    lens = np.diag((FOCAL_PX, FOCAL_PX, 1.0))
    pose = translation(frame[0] / 2, frame[1] / 2) @ lens @ plane @ translation(-sheet[0] / 2, -sheet[1] / 2)
    return np.asarray(pose, np.float64)


def compute_sway(t: float, phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return six values from -1 to 1 that drift without a visible period."""
    angle = 2 * math.pi * t * np.array(SWAY_HZ) + phase
    return np.asarray(0.7 * np.sin(angle) + 0.3 * np.sin(2.3 * angle), np.float64)


def rotation(about_x: float, about_y: float, about_z: float) -> Matrix:
    """Return the 3 x 3 matrix that turns about z, then y, then x; angles in radians."""
    (a, b, c), (d, e, f) = np.cos((about_x, about_y, about_z)), np.sin((about_x, about_y, about_z))
    x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    z = np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]])
    return np.asarray(x @ y @ z, np.float64)


def translation(x: float, y: float) -> Matrix:
    """Return the 3 x 3 matrix that moves by x and y pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def ease_in_out(t: float) -> float:
    """Return a smooth step from 0 at t <= 0 to 1 at t >= 1."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)
