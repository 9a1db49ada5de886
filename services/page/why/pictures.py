"""Arrays as pictures that a browser shows, small enough to lie in the answer itself."""

import base64
import math

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.vision.find import STRIDE

GAP_PX = 1  # between the channels of a layer
MOST_HEAT = 0.7  # of the colour where it is hottest: the ink still shows


def to_data(picture: NDArray[np.uint8]) -> str:
    """Return a picture as a data: address of a PNG."""
    png = cv2.imencode(".png", picture)[1].tobytes()
    return "data:image/png;base64," + base64.b64encode(png).decode()


def to_grey(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return values of 0 to 1 as grey levels."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def lay_heat(page: NDArray[np.uint8], heat: NDArray[np.float32]) -> str:
    """Return a page under its heat-map as a data: address of a JPEG: grey where it is cold, yellow to red where hot."""
    size = (page.shape[1], page.shape[0])
    large = cv2.resize(heat, (heat.shape[1] * STRIDE, heat.shape[0] * STRIDE), interpolation=cv2.INTER_LINEAR)
    share = large[: size[1], : size[0], None] * np.float32(MOST_HEAT)
    colours = cv2.applyColorMap(
        to_grey(np.float32(1) - large[: size[1], : size[0]] / np.float32(2)), cv2.COLORMAP_AUTUMN
    )
    mixed = page[..., None] * (1 - share) + colours * share
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(np.rint(mixed).astype(np.uint8)), 80, "BGR", "420")
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def tile_channels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a layer's channels (n x rows x columns) side by side: black is the least of the layer, white the most.

    For a layer that has been through ReLU black is "not here".
    """
    count, rows, columns = values.shape
    across = math.ceil(math.sqrt(2 * count))
    low, high = float(values.min()), float(values.max())
    grey = to_grey((values - low) / max(high - low, 1e-9))
    down = math.ceil(count / across)
    sheet = np.full((down * (rows + GAP_PX) - GAP_PX, across * (columns + GAP_PX) - GAP_PX), 90, np.uint8)
    for index, channel in enumerate(grey):
        top, left = index // across * (rows + GAP_PX), index % across * (columns + GAP_PX)
        sheet[top : top + rows, left : left + columns] = channel
    return sheet
