"""A picture as the recogniser takes it: grey, 8 bits, at most so many pixels a side; and how light is made even."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE_PX = 640  # of photos; a camera's pages are smaller (the setting LONG_SIDE_PX, docs/decisions/0008)
MOST_PIXELS = 50_000_000  # a 50-megapixel phone; 150 MB as colours
WHITE = 255
DARK = 8  # grey levels of a camera's noise in the dark, added to ink and paper: black on black is then no ink


def make_page(picture: NDArray[np.generic], long_side: int = LONG_SIDE_PX) -> tuple[NDArray[np.uint8], float]:
    """Return (page, scale): the picture in grey, and page pixels per picture pixel (at most 1: nothing is enlarged).

    picture: H x W, H x W x 1, x 3 (BGR) or x 4 (BGRA) of uint8 or uint16. page: h x w uint8, its long side at most
    long_side. Raises ValueError for anything else, for an empty picture, and for one over 50 megapixels.
    """
    grey = to_grey(picture)
    scale = min(1.0, long_side / max(grey.shape))
    if scale == 1.0:
        return grey, scale
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    # down to a half two pixels a side are all that there is to mean: 0.11 ms at 640 x 480, where areas take 0.56
    method = cv2.INTER_LINEAR if scale >= 1 / 2 else cv2.INTER_AREA
    return as_uint8(cv2.resize(grey, (width, height), interpolation=method)), scale


def to_grey(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the picture as H x W uint8; what is transparent in it lies on white paper."""
    check_picture(picture)
    shallow = as_uint8(picture) if picture.dtype == np.uint8 else as_uint8(np.right_shift(picture, 8))
    if shallow.ndim == 2:
        return shallow
    if shallow.shape[2] == 1:
        return shallow[:, :, 0]
    grey = as_uint8(cv2.cvtColor(shallow[:, :, :3], cv2.COLOR_BGR2GRAY))
    return grey if shallow.shape[2] == 3 else lay_on_white(grey, shallow[:, :, 3])


def check_picture(picture: NDArray[np.generic]) -> None:
    """Raise ValueError, saying what is wrong, unless this is a picture."""
    if picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"a picture has 8 or 16 bits a channel, without a sign or a fraction; this has {picture.dtype}"
        )
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise ValueError(f"a picture is height x width, or x 1, 3 or 4 channels; this is {picture.shape}")
    if picture.size == 0:
        raise ValueError(f"the picture is empty: {picture.shape}")
    height, width = picture.shape[:2]
    if height * width > MOST_PIXELS:
        raise ValueError(f"the picture has {width} x {height} pixels, more than {MOST_PIXELS // 1_000_000} million")


def lay_on_white(grey: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture on white paper: drawings saved with a transparent ground are dark on it."""
    share = alpha.astype(np.float32) / WHITE
    return as_uint8(np.rint(grey * share + WHITE * (1 - share)))


def flatten_light(page: NDArray[np.uint8], stroke_px: int = 25) -> NDArray[np.uint8]:
    """Return the page (dark ink on bright paper) as a share of its paper's brightness: shadows go, paper is 255.

    The paper is the page closed over anything narrower than stroke_px, then blurred. It is made at quarter size, since
    light changes slowly: 0.40 ms instead of 0.66 at 640 x 480, on one thread.
    """
    height, width = page.shape
    small = cv2.resize(page, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    side = 2 * (stroke_px // 8) + 3  # odd, a little over a quarter of the stroke
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, square(side))
    paper = cv2.resize(cv2.blur(closed, (side, side)), (width, height), interpolation=cv2.INTER_LINEAR)
    return as_uint8(cv2.divide(lighten(page), lighten(as_uint8(paper)), scale=WHITE))


def lighten(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a page DARK grey levels lighter, at most white."""
    return as_uint8(cv2.convertScaleAbs(page, alpha=1, beta=DARK))


@lru_cache(maxsize=64)
def square(side: int) -> NDArray[np.uint8]:
    """Return a full kernel of side x side: making one costs as much as using it on a crop."""
    return np.ones((side, side), np.uint8)


def as_uint8(pixels: NDArray[np.generic] | cv2.Mat) -> NDArray[np.uint8]:
    """Return pixels as uint8, without a copy where they are; OpenCV's types don't say which kind they are."""
    return np.asarray(pixels, np.uint8)
