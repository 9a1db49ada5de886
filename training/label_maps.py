"""What the detector shall answer for a scene: heat where a digit's middle is, its class, its box."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.networks.detector_channels import STRIDE_PX, UNIT_PX
from shared.vision.digit import NOT_A_DIGIT
from training.scenes import Scene
from training.scenes.desk import IGNORED

# The longer side of what must be found at this scale; other levels of the pyramid have the rest.
SIZES_PX = (11.0, 76.0)
TOLERATED_PX = (5.0, 110.0)  # digits of these sizes are no mistake either
SMALL_PX = (4.0, 14.0)  # digits of these sizes are better seen closer,
DOUBTFUL_PX = 18.0  # those up to here as well from there as from here
OWNED = 0.4  # cells with more heat than this learn the digit's class and box


@dataclass(frozen=True, slots=True)
class LabelMaps:
    """Maps for one scene, rows x columns: heat 0 to 1, counts (0: nothing is asked), label (-1: none), box (4 x).

    closer is 1 where a digit is so small that it must be seen closer, 0 elsewhere, -1 where it does not matter.
    """

    heat: NDArray[np.float32]
    counts: NDArray[np.float32]
    label: NDArray[np.int64]
    box: NDArray[np.float32]
    closer: NDArray[np.float32]


def make_target(scene: Scene) -> LabelMaps:
    """Return the detector's target."""
    side = scene.picture.shape[0] // STRIDE_PX
    target = LabelMaps(
        np.zeros((side, side), np.float32),
        np.ones((side, side), np.float32),
        np.full((side, side), IGNORED, np.int64),
        np.zeros((4, side, side), np.float32),
        np.zeros((side, side), np.float32),
    )
    for box, label in zip(scene.boxes, scene.labels, strict=True):
        longer = box[2:].max()
        if label < NOT_A_DIGIT and SMALL_PX[0] <= longer <= DOUBTFUL_PX:
            wanted = label != IGNORED and longer <= SMALL_PX[1]
            target.closer[cells_of(box)] = 1 if wanted else -1
        if label >= NOT_A_DIGIT or not TOLERATED_PX[0] <= longer <= TOLERATED_PX[1]:
            continue
        if label == IGNORED or not SIZES_PX[0] <= longer <= SIZES_PX[1]:
            ignore(target, box)
        else:
            mark(target, box, int(label))
    return target


def ignore(target: LabelMaps, box: NDArray[np.float32]) -> None:
    """Ask nothing within a box."""
    target.counts[cells_of(box)] = 0


def cells_of(box: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the cells that a box touches, as rows and columns."""
    left, top = np.maximum(np.floor(box[:2] / STRIDE_PX), 0).astype(int)
    right, bottom = np.maximum(np.ceil((box[:2] + box[2:]) / STRIDE_PX), 0).astype(int)
    return slice(top, bottom), slice(left, right)


def mark(target: LabelMaps, box: NDArray[np.float32], label: int) -> None:
    """Ask for a digit: a hill of heat as wide and high as the digit is, so that narrow neighbours stay apart."""
    side = target.heat.shape[0]
    x, y = (box[:2] + box[2:] / 2) / STRIDE_PX - 0.5
    spread_x, spread_y = np.clip(box[2:] / STRIDE_PX / 5, 0.45, 1.6)
    steps = np.arange(side, dtype=np.float32)
    hill = np.exp(-(((steps - x) / spread_x) ** 2)[None, :] / 2 - (((steps - y) / spread_y) ** 2)[:, None] / 2)
    row, column = (int(np.clip(round(float(at)), 0, side - 1)) for at in (y, x))
    hill[row, column] = 1
    owned = (hill > OWNED) & (hill > target.heat)
    target.heat[:] = np.maximum(target.heat, hill)
    target.label[owned] = label
    rows, columns = np.nonzero(owned)
    target.box[0, rows, columns], target.box[1, rows, columns] = x - columns, y - rows
    target.box[2:, rows, columns] = np.log(np.maximum(box[2:], 2) / UNIT_PX)[:, None]
