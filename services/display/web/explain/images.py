"""Arrays as pictures that a browser shows, small enough to lie in the answer itself."""

import base64

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

QUALITY = 80


def to_png(picture: NDArray[np.uint8]) -> str:
    """Return a small picture (grey) as a data: address of a PNG."""
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()


def to_jpeg(picture: NDArray[np.uint8]) -> str:
    """Return a picture (BGR) as a data: address of a JPEG."""
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), QUALITY, "BGR", "420")
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
