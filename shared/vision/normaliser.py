"""The one normaliser: a crop's ink as MNIST's images are, for training and for use alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box
from shared.vision.gray_frame import as_uint8, flatten_light, square

SIDE_PX = 28  # MNIST's images,
INK_PX = 20  # the longer side of their ink,
CENTRE_PX = 14.0  # and where its centre of mass lies (mean over MNIST's training images: 14.00, 14.00)

MARGIN = 0.15  # of the box's longer side, on each side of it: paper to know the ink by
CROP_PX = 112  # four times what the network sees
FAINTEST = 24  # grey levels between ink and paper; under it a crop is paper and its grain
SPECK = 0.03  # of the largest piece's area: smaller pieces are grain or dirt


def crop_around(page: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return the part of the page in a box and a margin around it, cut off where the page ends."""
    x, y, w, h = box
    margin = max(2.0, MARGIN * max(w, h))
    left, top = max(0, round(x - margin)), max(0, round(y - margin))
    return page[top : round(y + h + margin), left : round(x + w + margin)]


def lift_ink(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink of a crop (h x w uint8, dark on light or light on dark): bright on black, soft at its edges.

    Black where there is only paper, a shadow or grain; pieces of neighbours at the crop's edge are dropped. All black
    when nothing stands out of the paper. A large crop's ink comes back smaller. Raises ValueError for an empty crop or
    another type.
    """
    if crop.dtype != np.uint8 or crop.ndim != 2 or crop.size == 0:
        raise ValueError(f"a crop is height x width of uint8; this is {crop.shape} of {crop.dtype}")
    crop = turn_dark_on_light(shrink(crop))
    ink = as_uint8(cv2.bitwise_not(flatten_light(crop, stroke_px=max(crop.shape) // 2)))
    threshold, mask = cv2.threshold(ink, 0, 255, cv2.THRESH_OTSU)
    strokes = find_strokes(as_uint8(mask))
    full = cv2.mean(ink, strokes)[0]
    if full < FAINTEST:
        return np.zeros_like(ink)
    # full ink is what the strokes are on average; half of the threshold is where their soft edges end
    low = threshold / 2
    steep = 255 / max(full - low, 1)
    soft = cv2.addWeighted(ink, steep, ink, 0, -low * steep)  # saturates
    return as_uint8(soft * grow(strokes, 1 + max(crop.shape) // SIDE_PX))


def shrink(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a crop of at most CROP_PX, so that a digit held close costs no more than a small one."""
    scale = CROP_PX / max(crop.shape)
    if scale >= 1:
        return crop
    height, width = (max(1, round(side * scale)) for side in crop.shape)
    return as_uint8(cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA))


def turn_dark_on_light(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the crop, inverted if its ink is brighter than its paper; the paper is what lies along its edge."""
    edge = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    paper = float(np.partition(edge, edge.size // 2)[edge.size // 2])  # the median, three times as fast as numpy's
    darkest, brightest, _, _ = cv2.minMaxLoc(crop)
    return crop if paper - darkest >= brightest - paper else as_uint8(255 - crop)


def find_strokes(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 where the character is in a mask of dark pixels: not the specks, not what reaches in from the edge."""
    # labels of 16 bits, which are enough for a crop, take less than half of the time: 9 us of 21
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    if count <= 2:  # paper and one piece: most crops are so
        return as_uint8(labels)
    _, *pieces = stats.tolist()  # numpy's functions take longer over so few
    height, width = mask.shape
    areas = [area for *_, area in pieces]
    least = max(areas) * SPECK
    kept = np.zeros(count, np.uint8)
    kept[1:] = [x > 0 < y and x + w < width and y + h < height and area > least for x, y, w, h, area in pieces]
    kept[1 + areas.index(max(areas))] = 1
    return as_uint8(kept[labels])


def grow(mask: NDArray[np.uint8], by_px: int) -> NDArray[np.uint8]:
    """Return the mask with a rim of so many pixels."""
    return as_uint8(cv2.dilate(mask, square(2 * by_px + 1)))


def normalise(ink: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return ink (h x w uint8, bright on black) as MNIST's images are: 28 x 28 float32 in 0 to 1, or None for no ink.

    The ink's box is scaled, keeping its aspect, to 20 pixels on its longer side, and moved by whole pixels so that its
    centre of mass lies at the middle (yann.lecun.com/exdb/mnist). Raises ValueError for another type: floats would
    come in an unknown range.
    """
    if ink.dtype != np.uint8 or ink.ndim != 2:
        raise ValueError(f"ink is height x width of uint8; this is {ink.shape} of {ink.dtype}")
    x, y, w, h = cv2.boundingRect(ink)
    if w == 0 or h == 0:
        return None
    scale = INK_PX / max(w, h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = as_uint8(cv2.resize(ink[y : y + h, x : x + w], size, interpolation=method))
    _, brightest, _, _ = cv2.minMaxLoc(small)
    return centre(small, 1 / max(brightest, 1))


def centre(small: NDArray[np.uint8], scale: float) -> NDArray[np.float32]:
    """Lay ink of at most 20 x 20, times a scale, on a black 28 x 28: its centre of mass at (14, 14) to a pixel."""
    image = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    moments, (height, width) = cv2.moments(small), small.shape
    mass = max(moments["m00"], 1)
    left = min(max(round(CENTRE_PX - moments["m10"] / mass), 0), SIDE_PX - width)
    top = min(max(round(CENTRE_PX - moments["m01"] / mass), 0), SIDE_PX - height)
    np.multiply(small, np.float32(scale), out=image[top : top + height, left : left + width])
    return image


def lean_of(images: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how far ink (n x h x w, bright on black) leans: pixels to the right for one up, by its moments."""
    ink = images.astype(np.float64)
    y, x = np.arange(ink.shape[1]), np.arange(ink.shape[2])
    rows, mass = ink.sum(axis=2), np.maximum(ink.sum(axis=(1, 2)), 1e-6)
    down, right = rows @ y / mass, ink.sum(axis=1) @ x / mass
    along, across = (ink @ x) @ y - mass * down * right, rows @ y**2 - mass * down**2
    return np.asarray(-along / np.maximum(across, 1e-6), np.float64)


def check_input(images: NDArray[np.float32]) -> None:
    """Raise ValueError unless the images are in the range that training saw.

    A network trained on 0..1 and fed 0..255 keeps most of its accuracy and loses its confidence, unnoticed.
    """
    if images.dtype != np.float32 or not (images.min() >= 0 and images.max() <= 1):  # NaN fails both
        raise ValueError("the network takes float32 in 0 to 1, ink bright on black")
