"""The labels of a scene as the detector's maps: each digit's centre, class and box, and where to look more closely."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.networks.detector_channels import STRIDE_PX, UNIT_PX
from shared.vision.digit import NOT_A_DIGIT
from training.scenes import Scene
from training.scenes.desk import IGNORED

# Longer sides of the digits that must be found at this scale; other levels of the pyramid have the rest.
SIZES_PX = (11.0, 76.0)
TOLERATED_PX = (5.0, 110.0)  # finding digits of these sizes is not a mistake
SMALL_PX = (4.0, 14.0)  # digits of these sizes are better seen at twice the resolution;
DOUBTFUL_PX = 18.0  # up to this size they are seen as well from here
OWNED = 0.4  # cells with more score than this learn the digit's class and box


@dataclass(frozen=True, slots=True)
class LabelMaps:
    """Labels of one scene, rows x columns: score 0 to 1, mask (0: no loss), label (-1: none), box (4 x).

    refine is 1 where a digit is so small that it needs twice the resolution, 0 elsewhere, -1 where it does not matter.
    """

    score: NDArray[np.float32]
    mask: NDArray[np.float32]
    label: NDArray[np.int64]
    box: NDArray[np.float32]
    refine: NDArray[np.float32]


def make_label_maps(scene: Scene) -> LabelMaps:
    side = scene.picture.shape[0] // STRIDE_PX
    maps = LabelMaps(
        score=np.zeros((side, side), np.float32),
        mask=np.ones((side, side), np.float32),
        label=np.full((side, side), IGNORED, np.int64),
        box=np.zeros((4, side, side), np.float32),
        refine=np.zeros((side, side), np.float32),
    )
    for box, label in zip(scene.boxes, scene.labels, strict=True):
        longer = box[2:].max()
        if label < NOT_A_DIGIT and SMALL_PX[0] <= longer <= DOUBTFUL_PX:
            is_small = label != IGNORED and longer <= SMALL_PX[1]
            maps.refine[cells_of(box)] = 1 if is_small else -1
        if label >= NOT_A_DIGIT or not TOLERATED_PX[0] <= longer <= TOLERATED_PX[1]:
            continue
        if label == IGNORED or not SIZES_PX[0] <= longer <= SIZES_PX[1]:
            maps.mask[cells_of(box)] = 0
        else:
            add_digit(maps, box, int(label))
    return maps


def cells_of(box: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the cells that a box touches, as rows and columns."""
    left, top = np.maximum(np.floor(box[:2] / STRIDE_PX), 0).astype(int)
    right, bottom = np.maximum(np.ceil((box[:2] + box[2:]) / STRIDE_PX), 0).astype(int)
    return slice(top, bottom), slice(left, right)


def add_digit(maps: LabelMaps, box: NDArray[np.float32], label: int) -> None:
    """Add a digit: a hill of score as wide and high as the digit is, so that narrow neighbours stay apart."""
    side = maps.score.shape[0]
    x, y = (box[:2] + box[2:] / 2) / STRIDE_PX - 0.5
    spread_x, spread_y = np.clip(box[2:] / STRIDE_PX / 5, 0.45, 1.6)
    steps = np.arange(side, dtype=np.float32)
    hill = np.exp(-(((steps - x) / spread_x) ** 2)[None, :] / 2 - (((steps - y) / spread_y) ** 2)[:, None] / 2)
    row, column = (int(np.clip(round(float(at)), 0, side - 1)) for at in (y, x))
    hill[row, column] = 1
    owned = (hill > OWNED) & (hill > maps.score)
    maps.score[:] = np.maximum(maps.score, hill)
    maps.label[owned] = label
    rows, columns = np.nonzero(owned)
    maps.box[0, rows, columns], maps.box[1, rows, columns] = x - columns, y - rows
    maps.box[2:, rows, columns] = np.log(np.maximum(box[2:], 2) / UNIT_PX)[:, None]
