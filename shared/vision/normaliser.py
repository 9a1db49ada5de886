"""Turns a crop into the classifier's input, its ink as MNIST has it. Training and inference both use this module."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.gray_frame import Gray, as_uint8, flatten_light, make_square_kernel

SIDE_PX = 28  # MNIST's images,
INK_PX = 20  # the longer side of their ink,
CENTRE_PX = 14.0  # and where its centre of mass lies (mean over MNIST's training images: 14.00, 14.00)

# of an image's pixels, row by row: the weight 1, the column and the row, for its mass and where that lies
MOMENTS = np.stack([np.ones(SIDE_PX**2), *np.divmod(np.arange(SIDE_PX**2), SIDE_PX)[::-1]], axis=1).astype(np.float32)

MARGIN = 0.15  # of the box's longer side, on each side: paper to compare the ink with
CROP_PX = 112  # longest side of a crop: four times what the classifier sees
MIN_CONTRAST = 24  # gray levels between ink and paper; a crop with less is paper and its grain
EDGE = 64  # of 255: the box of ink leaves out what is softer; of 32 to 128 it fits labelled boxes best
SPECK = 0.03  # of the largest piece's area: smaller pieces are grain or dirt


def crop_around(gray: Gray, box: Box) -> NDArray[np.uint8]:
    """Return the part of the frame inside a box and a margin around it, cut off at the frame's edges."""
    x, y, w, h = box
    margin = measure_margin(box)
    left, top = find_crop_corner(box)
    return gray[top : round(y + h + margin), left : round(x + w + margin)]


def find_crop_corner(box: Box) -> tuple[int, int]:
    """Return left and top of the crop around a box, in pixels of the frame."""
    margin = measure_margin(box)
    return max(0, round(box[0] - margin)), max(0, round(box[1] - margin))


def measure_margin(box: Box) -> float:
    return max(2.0, MARGIN * max(box[2:]))


def find_ink_box(crop: NDArray[np.uint8], ink: NDArray[np.uint8], corner: tuple[int, int]) -> Box:
    """Return the box of a crop's ink in pixels of the frame; corner is the crop's left and top there."""
    x, y, width, height = cv2.boundingRect(cv2.threshold(ink, EDGE - 1, 255, cv2.THRESH_BINARY)[1])
    across, down = crop.shape[1] / ink.shape[1], crop.shape[0] / ink.shape[0]  # the ink of a large crop is smaller
    return corner[0] + x * across, corner[1] + y * down, width * across, height * down


def extract_ink(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink of one crop, as extract_inks() does."""
    (ink,) = extract_inks([crop])
    return ink


def extract_inks(crops: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return the ink of crops (h x w uint8, dark on light or light on dark): bright on black, with soft edges.

    Paper, shadows and grain become black, and so do pieces of neighbours at a crop's edge. The result is all black if
    nothing stands out from the paper, and smaller than a crop of more than CROP_PX. Raises ValueError for an empty crop
    or another type.

    Each step is done for all crops before the next one: its code then stays in the processor's cache, and a crop takes
    a quarter less time.
    """
    dark = [make_dark_on_light(shrink_crop(crop)) for crop in crops]
    flat = [flatten_light(crop, stroke_px=max(crop.shape) // 2) for crop in dark]
    inks = [as_uint8(cv2.bitwise_not(crop)) for crop in flat]
    masks = [cv2.threshold(ink, 0, 255, cv2.THRESH_OTSU) for ink in inks]
    strokes = [find_strokes(as_uint8(mask)) for _, mask in masks]
    return [
        keep_strokes(ink, threshold, stroke) for ink, (threshold, _), stroke in zip(inks, masks, strokes, strict=True)
    ]


def shrink_crop(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a crop, its longest side CROP_PX at most: a digit held close costs no more than a small one."""
    if crop.dtype != np.uint8 or crop.ndim != 2 or crop.size == 0:
        raise ValueError(f"a crop is height x width of uint8; this is {crop.shape} of {crop.dtype}")
    scale = CROP_PX / max(crop.shape)
    if scale >= 1:
        return crop
    height, width = (max(1, round(side * scale)) for side in crop.shape)
    return as_uint8(cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA))


def make_dark_on_light(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the crop, inverted if its ink is brighter than its paper."""
    paper = measure_paper(crop)
    darkest, brightest, _, _ = cv2.minMaxLoc(crop)
    return crop if paper - darkest >= brightest - paper else as_uint8(255 - crop)


def measure_paper(crop: NDArray[np.uint8]) -> float:
    """Return the brightness of a crop's paper, 0 to 255: the median along its edge."""
    edge = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    return float(np.partition(edge, edge.size // 2)[edge.size // 2])  # three times as fast as np.median


def find_strokes(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 at the pixels of the character in a mask of ink, without specks and without pieces cut by the edge."""
    # labels of 16 bits, which are enough for a crop, take less than half of the time: 9 us of 21
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    if count <= 2:  # paper and one piece, as in most crops
        return as_uint8(labels)
    _, *pieces = stats.tolist()  # for so few, Python is faster than numpy
    height, width = mask.shape
    areas = [area for *_, area in pieces]
    largest = max(areas)
    kept = np.zeros(count, np.uint8)
    kept[1:] = [
        x > 0 < y and x + w < width and y + h < height and area > largest * SPECK for x, y, w, h, area in pieces
    ]
    kept[1 + areas.index(largest)] = 1
    return as_uint8(kept[labels])


def keep_strokes(ink: NDArray[np.uint8], threshold: float, strokes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink of strokes (1 where they are) with their soft edges, on black; threshold is Otsu's of the ink."""
    full = cv2.mean(ink, strokes)[0]
    if full < MIN_CONTRAST:
        return np.zeros_like(ink)
    # the strokes' mean becomes white; half of the threshold, where their soft edges end, becomes black
    low = threshold / 2
    gain = 255 / max(full - low, 1)
    soft = cv2.addWeighted(ink, gain, ink, 0, -low * gain)  # saturates
    rim_px = 1 + max(ink.shape) // SIDE_PX
    return as_uint8(soft * cv2.dilate(strokes, make_square_kernel(2 * rim_px + 1)))


def normalise(ink: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return one ink in MNIST's form, as normalise_inks() does; None if there is no ink."""
    (image,) = normalise_inks([ink])
    return image if image.any() else None


def normalise_inks(inks: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return inks (h x w uint8, bright on black) in MNIST's form: n x 28 x 28 in 0 to 1; black where there is no ink.

    The ink's box is scaled, keeping its aspect, to 20 pixels on its longer side, and moved by whole pixels so that its
    centre of mass lies in the middle (yann.lecun.com/exdb/mnist). Raises ValueError for another type: floats would
    come in an unknown range.
    """
    cornered = np.zeros((len(inks), SIDE_PX, SIDE_PX), np.uint8)  # the scaled ink, in the upper left corner
    sizes = [scale_ink(ink, out) for ink, out in zip(inks, cornered, strict=True)]
    mass, across, down = (cornered.reshape(-1, SIDE_PX**2).astype(np.float32) @ MOMENTS).astype(np.float64).T
    mass, rooms = np.maximum(mass, 1), SIDE_PX - np.array(sizes, np.int64).reshape(-1, 2)
    left = np.clip(np.rint(CENTRE_PX - across / mass), 0, rooms[:, 0]).astype(int).tolist()
    top = np.clip(np.rint(CENTRE_PX - down / mass), 0, rooms[:, 1]).astype(int).tolist()
    images = np.zeros(cornered.shape, np.float32)
    for image, ink, (width, height), x, y in zip(images, cornered, sizes, left, top, strict=True):
        image[y : y + height, x : x + width] = ink[:height, :width]
    images *= (1 / np.maximum(cornered.max(axis=(1, 2)), 1)).astype(np.float32)[:, None, None]
    return images


def scale_ink(ink: NDArray[np.uint8], out: NDArray[np.uint8]) -> tuple[int, int]:
    """Scale the box of ink to INK_PX on its longer side, into the upper left corner of out; return width and height."""
    if ink.dtype != np.uint8 or ink.ndim != 2:
        raise ValueError(f"ink is height x width of uint8; this is {ink.shape} of {ink.dtype}")
    x, y, w, h = cv2.boundingRect(ink)
    if not w:
        return 0, 0
    scale = INK_PX / max(w, h)
    width, height = max(1, round(w * scale)), max(1, round(h * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cv2.resize(ink[y : y + h, x : x + w], (width, height), out[:height, :width], interpolation=method)
    return width, height


def measure_slant(images: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the slant of ink (n x h x w, bright on black), pixels to the right for one up, from its moments."""
    ink = images.astype(np.float64)
    y, x = np.arange(ink.shape[1]), np.arange(ink.shape[2])
    rows, mass = ink.sum(axis=2), np.maximum(ink.sum(axis=(1, 2)), 1e-6)
    mean_y, mean_x = rows @ y / mass, ink.sum(axis=1) @ x / mass
    covariance = (ink @ x) @ y - mass * mean_y * mean_x
    variance = rows @ y**2 - mass * mean_y**2
    return np.asarray(-covariance / np.maximum(variance, 1e-6), np.float64)


def check_range(images: NDArray[np.float32]) -> None:
    """Raise ValueError unless the images are in the range of the training data.

    A network trained on 0..1 and fed 0..255 keeps most of its accuracy and silently loses its confidence.
    """
    if images.dtype != np.float32 or not (images.min() >= 0 and images.max() <= 1):  # NaN fails both
        raise ValueError("the network takes float32 in 0 to 1, ink bright on black")
