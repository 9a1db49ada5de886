"""Pictures of what happens inside the networks: the heatmap over a frame, the channels of a layer side by side."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.networks.detector_channels import STRIDE_PX
from shared.vision.gray_frame import Gray

GAP_PX, GAP_GRAY = 1, 90  # between the channels of a layer
MAX_OPACITY = 0.7  # of the colour where the score is 1: the ink still shows


def to_gray(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return values of 0 to 1 as gray levels."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def draw_heatmap(gray: Gray, heatmap: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a gray frame (h x w) under its heatmap (cells of STRIDE_PX) in BGR: yellow is low, red is high."""
    height, width = gray.shape
    cells = (heatmap.shape[1] * STRIDE_PX, heatmap.shape[0] * STRIDE_PX)
    large = cv2.resize(heatmap, cells, interpolation=cv2.INTER_LINEAR)[:height, :width]
    colours = cv2.applyColorMap(to_gray(np.float32(1) - large / np.float32(2)), cv2.COLORMAP_AUTUMN)
    opacity = large[..., None] * np.float32(MAX_OPACITY)
    return np.asarray(np.rint(gray[..., None] * (1 - opacity) + colours * opacity), np.uint8)


def tile_channels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a layer's channels (n x rows x columns) side by side, from black (the layer's minimum) to white.

    After a ReLU, black means that the feature is absent.
    """
    count, rows, columns = values.shape
    across = math.ceil(math.sqrt(2 * count))
    down = math.ceil(count / across)
    low, high = float(values.min()), float(values.max())
    sheet = np.full((down * (rows + GAP_PX) - GAP_PX, across * (columns + GAP_PX) - GAP_PX), GAP_GRAY, np.uint8)
    for index, channel in enumerate(to_gray((values - low) / max(high - low, 1e-9))):
        top, left = index // across * (rows + GAP_PX), index % across * (columns + GAP_PX)
        sheet[top : top + rows, left : left + columns] = channel
    return sheet
