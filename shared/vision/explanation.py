"""Why a place of a page was read as a digit, or was not: what each network saw and said there, and the words for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.vision.detection import STRIDE, Page, make_pyramid
from shared.vision.digit import Box
from shared.vision.explanation_text import ExplainedPlace, tell, tell_nothing
from shared.vision.fusion import fuse
from shared.vision.normaliser import crop_around
from shared.vision.recognizer import Recognizer, see

NEAR = 0.15  # of a candidate's size: a place so far outside of its box still means it

Evidence = tuple[float, ...]  # probabilities of 0 to 9, and where there are eleven, of "not a digit"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was made of one place; boxes in the page's pixels, heat over the whole page (rows x columns, 0 to 1).

    Without a candidate there (box is None) crop, image and the evidence are empty. image is 28 x 28, None without ink.
    """

    heat: NDArray[np.float32]
    box: Box | None
    crop: NDArray[np.uint8]
    image: NDArray[np.float32] | None
    found: Evidence
    read: Evidence
    together: Evidence
    is_said: bool
    words: tuple[str, ...]


def explain(reader: Recognizer, page: Page, x: float, y: float) -> Explanation:
    """Return why the place (x, y) of a page was read as it was."""
    pyramid = make_pyramid(page)
    heat = heat_map(reader, pyramid)
    finds = reader.find([pyramid])[0]
    index = nearest(finds.boxes, x, y)
    if index is None:
        return Explanation(
            heat, None, page[:0], None, (), (), (), is_said=False, words=(tell_nothing(heat_at(heat, x, y)),)
        )
    seen = reader.look([pyramid], [finds])
    left, top, width, height = (float(side) for side in finds.boxes[index])
    box: Box = (left, top, width, height)
    image = see(pyramid, box)
    is_said = box in {digit.box for digit in reader.weigh(finds, seen)}
    witnesses = finds.log_p, seen.log_p, fuse(reader.fusion, finds, seen)
    found, read, together = (to_evidence(log_p[index]) for log_p in witnesses)
    place = ExplainedPlace(page.shape, box, float(finds.heat[index]), image is not None, read, together, is_said)
    return Explanation(heat, box, crop_around(page, box), image, found, read, together, is_said, tell(place))


def heat_map(reader: Recognizer, pyramid: Sequence[Page]) -> NDArray[np.float32]:
    """Return where the detector believes in a digit, of whichever size: a cell for each STRIDE pixels of the page."""
    rows, columns = (-(-side // STRIDE) for side in pyramid[0].shape)
    heat = np.zeros((rows, columns), np.float32)
    for seen in reader.survey(pyramid):
        cells = 1 / (1 + np.exp(-seen.maps[0]))
        left, top = seen.corner
        there = heat[top:, left:]
        large = np.kron(cells, np.ones((seen.scale, seen.scale), np.float32))[: there.shape[0], : there.shape[1]]
        there = there[: large.shape[0], : large.shape[1]]
        np.maximum(there, large, out=there)
    return heat


def heat_at(heat: NDArray[np.float32], x: float, y: float) -> float:
    """Return the most that the detector believes within a cell of a place."""
    row, column = int(y) // STRIDE, int(x) // STRIDE
    near = heat[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    return float(near.max(initial=0))


def nearest(boxes: NDArray[np.float32], x: float, y: float) -> int | None:
    """Return the candidate (n x 4, the hottest first) that a place means; None where none is near."""
    centres, sizes = boxes[:, :2] + boxes[:, 2:] / 2, np.maximum(boxes[:, 2:], 1)
    away = (np.abs(np.array([x, y]) - centres) / sizes).max(axis=1)  # in its sizes: 0.5 is the box's edge
    return int(away.argmin()) if away.size and away.min() <= 0.5 + NEAR else None


def to_evidence(log_p: NDArray[np.floating[Any]]) -> Evidence:
    """Return probabilities."""
    return tuple(np.exp(log_p).astype(float).tolist())
