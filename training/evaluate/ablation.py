"""An ablation of the normaliser: ten ways to bring a crop to 28 x 28, nine of them from webcam demos.

Each takes a crop (gray uint8, dark ink on light paper) and returns 28 x 28 float32 in 0 to 1, ink bright, or None if it
finds nothing. Each was read in its project's public source, and is written anew here.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.networks.runtimes import Network
from shared.vision.gray_frame import as_uint8
from shared.vision.normaliser import extract_ink, normalise
from training.evaluate.figures import Figure, make_share

Crop = NDArray[np.uint8]
Image = NDArray[np.float32]
SIDE = 28


def squash(ink: Crop) -> Image:
    """Return ink stretched to 28 x 28, whatever its shape."""
    small = cv2.resize(ink, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def mask_dark(crop: Crop, threshold: float, *, otsu: bool = False) -> Crop:
    """Return 255 where the crop is darker than the threshold, or than Otsu's."""
    kind = cv2.THRESH_BINARY_INV | (cv2.THRESH_OTSU if otsu else 0)
    return as_uint8(cv2.threshold(crop, threshold, 255, kind)[1])


def crop_largest(ink: Crop) -> Crop | None:
    """Return the ink inside the box of the largest outline."""
    outlines, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return None
    x, y, width, height = cv2.boundingRect(max(outlines, key=cv2.contourArea))
    return ink[y : y + height, x : x + width]


def fixed_threshold(crop: Crop) -> Image | None:
    return squash(mask_dark(crop, 100))


def blurred_threshold(crop: Crop) -> Image | None:
    return squash(mask_dark(as_uint8(cv2.GaussianBlur(crop, (5, 5), 0)), 127))


def otsu(crop: Crop) -> Image | None:
    return squash(mask_dark(crop, 0, otsu=True))


def inverted(crop: Crop) -> Image | None:
    return squash(as_uint8(255 - crop))


def stretched(crop: Crop) -> Image | None:
    """Invert, squash, stretch the contrast to the full range."""
    image = squash(as_uint8(255 - crop))
    return np.asarray((image - image.min()) / max(float(image.max() - image.min()), 1 / 255), np.float32)


def box_stretched(crop: Crop) -> Image | None:
    """Otsu's threshold, the largest outline's box stretched to the square."""
    box = crop_largest(mask_dark(crop, 0, otsu=True))
    return None if box is None else squash(box)


def box_padded(crop: Crop) -> Image | None:
    """Otsu's threshold, the largest outline's box padded to a square, without a margin."""
    box = crop_largest(mask_dark(crop, 0, otsu=True))
    if box is None:
        return None
    height, width = box.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    padded = cv2.copyMakeBorder(box, top, side - height - top, left, side - width - left, cv2.BORDER_CONSTANT, value=0)
    return squash(as_uint8(padded))


def otsu_centred(crop: Crop) -> Image | None:
    """Otsu's threshold, then MNIST's own: a box of 20 x 20, the centre of mass in the middle."""
    return normalise(mask_dark(crop, 0, otsu=True))


def adaptive_centred(crop: Crop) -> Image | None:
    """Adaptive threshold and a median, then MNIST's own."""
    mask = cv2.adaptiveThreshold(crop, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 10)
    return normalise(as_uint8(cv2.medianBlur(mask, 3)))


def ours(crop: Crop) -> Image | None:
    """Soft ink on flattened light, then MNIST's own."""
    return normalise(extract_ink(crop))


RECIPES: dict[str, Callable[[Crop], Image | None]] = {
    "A fixed threshold, squashed": fixed_threshold,
    "B blur and fixed threshold, squashed": blurred_threshold,
    "C Otsu, squashed": otsu,
    "D inverted, squashed": inverted,
    "E inverted, squashed, contrast stretched": stretched,
    "F Otsu, box stretched": box_stretched,
    "G Otsu, box padded to a square": box_padded,
    "H Otsu, MNIST's box and centre": otsu_centred,
    "I adaptive threshold, MNIST's box and centre": adaptive_centred,
    "ours: soft ink, MNIST's box and centre": ours,
}


def measure_ablation(network: Network, crops: Sequence[Crop], labels: Sequence[int]) -> Iterator[Figure]:
    """Yield the accuracy on crops around the true boxes, for each recipe."""
    for name, recipe in RECIPES.items():
        right = 0
        for crop, label in zip(crops, labels, strict=True):
            image = recipe(crop)
            right += image is not None and int(network(image[None, None])[0, :10].argmax()) == label
        yield make_share("photos, boxes given", name, "accuracy", hits=right, n=len(labels))
