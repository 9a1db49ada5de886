"""What a network makes of a page, as pictures: heat over the page, the channels of a layer side by side."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.detection import STRIDE

GAP_PX, GAP_GREY = 1, 90  # between the channels of a layer
MOST_HEAT = 0.7  # of the colour where it is hottest: the ink still shows


def to_grey(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return values of 0 to 1 as grey levels."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def lay_heat(page: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a page (h x w) under its heat-map (a cell for each STRIDE pixels) in BGR: yellow is warm, red is hot."""
    height, width = page.shape
    cells = (heat.shape[1] * STRIDE, heat.shape[0] * STRIDE)
    large = cv2.resize(heat, cells, interpolation=cv2.INTER_LINEAR)[:height, :width]
    colours = cv2.applyColorMap(to_grey(np.float32(1) - large / np.float32(2)), cv2.COLORMAP_AUTUMN)
    share = large[..., None] * np.float32(MOST_HEAT)
    return np.asarray(np.rint(page[..., None] * (1 - share) + colours * share), np.uint8)


def tile_channels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a layer's channels (n x rows x columns) side by side: black is the least of the layer, white the most.

    For a layer that has been through ReLU black is "not here".
    """
    count, rows, columns = values.shape
    across = math.ceil(math.sqrt(2 * count))
    low, high = float(values.min()), float(values.max())
    grey = to_grey((values - low) / max(high - low, 1e-9))
    down = math.ceil(count / across)
    sheet = np.full((down * (rows + GAP_PX) - GAP_PX, across * (columns + GAP_PX) - GAP_PX), GAP_GREY, np.uint8)
    for index, channel in enumerate(grey):
        top, left = index // across * (rows + GAP_PX), index % across * (columns + GAP_PX)
        sheet[top : top + rows, left : left + columns] = channel
    return sheet
