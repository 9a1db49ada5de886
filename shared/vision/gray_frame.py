"""Makes gray frames: 8-bit, with a bounded long side, as the recognizer takes them; and evens out their light."""

import math
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.jpeg import MAX_PIXELS

Gray = NDArray[np.uint8]  # height x width
UINT8 = np.dtype(np.uint8)

LONG_SIDE_PX = 640  # of photos; a camera's gray frames are smaller (the setting LONG_SIDE_PX, docs/decisions/0008)
WHITE = 255
NOISE = 8  # gray levels of a camera's noise in the dark, added to ink and paper: else black on black looks like ink


def make_gray_frame(picture: NDArray[np.generic], long_side_px: int = LONG_SIDE_PX) -> tuple[Gray, float]:
    """Return (gray, scale): the gray frame, and its pixels per pixel of the picture (at most 1: nothing is enlarged).

    picture: H x W, H x W x 1, x 3 (BGR) or x 4 (BGRA) of uint8 or uint16. gray: h x w uint8, its long side at most
    long_side_px. Raises ValueError for anything else, for an empty picture, and for one over 50 megapixels.
    """
    gray = to_gray(picture)
    scale = min(1.0, long_side_px / max(gray.shape))
    if scale == 1.0:
        return gray, scale
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    # above one half, interpolation covers every source pixel: 0.11 ms at 640 x 480, where averaging areas takes 0.56
    method = cv2.INTER_LINEAR if scale >= 1 / 2 else cv2.INTER_AREA
    return as_uint8(cv2.resize(gray, (width, height), interpolation=method)), scale


def to_gray(picture: NDArray[np.generic]) -> Gray:
    """Return the picture as H x W uint8, transparent parts as paper. Raises ValueError as make_gray_frame()."""
    check_picture(picture)
    pixels = as_uint8(picture) if picture.dtype == np.uint8 else as_uint8(np.right_shift(picture, 8))
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    opaque = pixels if pixels.shape[2] == 3 else blend_alpha(pixels)
    return as_uint8(cv2.cvtColor(opaque, cv2.COLOR_BGR2GRAY))


def blend_alpha(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return H x W x 4 as H x W x 3 on white paper; on black if it is all bright, as white ink is."""
    alpha = bgra[:, :, 3:].astype(np.float32) / WHITE
    on_white = np.rint(bgra[:, :, :3] * alpha + WHITE * (1 - alpha))
    is_bright = on_white.mean(axis=2).min() > WHITE / 2 and alpha.min() < 1 and alpha.any()
    return as_uint8(np.rint(bgra[:, :, :3] * alpha) if is_bright else on_white)


def check_picture(picture: NDArray[np.generic]) -> None:
    """Raise ValueError with one sentence unless make_gray_frame() takes this picture."""
    if picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a picture has unsigned integers of 8 or 16 bits; this one has {picture.dtype}")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise ValueError(f"a picture is height x width, or x 1, 3 or 4 channels; this one is {picture.shape}")
    if picture.size == 0:
        raise ValueError(f"the picture is empty: {picture.shape}")
    height, width = picture.shape[:2]
    if height * width > MAX_PIXELS:
        raise ValueError(f"the picture has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million")


def halve(gray: Gray) -> Gray:
    """Return the frame at half its size, each pixel the mean of four; a side of one pixel stays."""
    height, width = gray.shape
    even = gray[: height & ~1 or 1, : width & ~1 or 1]
    return as_uint8(cv2.resize(even, (width // 2 or 1, height // 2 or 1), interpolation=cv2.INTER_AREA))


def flatten_light(gray: Gray, stroke_px: int = 25) -> Gray:
    """Return the frame (dark ink on bright paper) divided by its paper's brightness: paper is 255, shadows are gone.

    The paper is the frame closed over anything narrower than stroke_px, then blurred. It is made at quarter size, since
    light changes slowly: 0.40 ms instead of 0.66 at 640 x 480, on one thread.
    """
    height, width = gray.shape
    small = cv2.resize(gray, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    side = 2 * (stroke_px // 8) + 3  # odd, a little over a quarter of the stroke
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, make_square_kernel(side))
    paper = cv2.resize(cv2.blur(closed, (side, side)), (width, height), interpolation=cv2.INTER_LINEAR)
    ink, paper = (cv2.convertScaleAbs(pixels, alpha=1, beta=NOISE) for pixels in (gray, paper))
    return as_uint8(cv2.divide(ink, paper, scale=WHITE))


def measure_percentiles(gray: Gray, *percents: float) -> list[float]:
    """Return percentiles of a frame that is not empty, as np.percentile does; from its histogram, without sorting."""
    up_to = cv2.calcHist([gray], [0], None, [256], [0, 256]).cumsum(dtype=np.float64)  # pixels up to each gray level
    places = [percent / 100 * (gray.size - 1) for percent in percents]
    ends = up_to.searchsorted([int(at) for at in places] + [math.ceil(at) for at in places], side="right").tolist()
    lows, highs = ends[: len(places)], ends[len(places) :]
    return [low + (high - low) * (at % 1) for low, high, at in zip(lows, highs, places, strict=True)]


@lru_cache(maxsize=64)
def make_square_kernel(side: int) -> NDArray[np.uint8]:
    """Return a kernel of side x side; cached, because making one costs as much as using it on a crop."""
    return np.ones((side, side), np.uint8)


def as_uint8(pixels: NDArray[np.generic] | cv2.Mat) -> NDArray[np.uint8]:
    """Return pixels as uint8, without a copy if they are; OpenCV's stubs do not state the type."""
    return cast("Gray", pixels) if pixels.dtype is UINT8 else np.asarray(pixels, np.uint8)
