"""Encodes arrays as data: URLs, small enough to be part of a JSON response."""

import base64

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

QUALITY = 80


def to_png(picture: NDArray[np.uint8]) -> str:
    """Return a small gray picture as a PNG."""
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()


def to_jpeg(picture: NDArray[np.uint8]) -> str:
    """Return a BGR picture as a JPEG."""
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), QUALITY, "BGR", "420")
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
