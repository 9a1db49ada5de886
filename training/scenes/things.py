"""Photographed objects on the desk, and views behind it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import as_uint8
from training.scenes.papers import Grey
from training.scenes.photographs import shrink_picture
from training.scenes.sampling import draw_log_uniform


@dataclass(frozen=True, slots=True)
class Things:
    """Cut-out objects (height x width x 2: grey, opacity) and whole views (height x width), all uint8."""

    stamps: tuple[NDArray[np.uint8], ...] = ()
    views: tuple[NDArray[np.uint8], ...] = ()


NO_THINGS = Things()


def load_things(root: Path) -> Things:
    """Return the objects and views in ROOT/things, which photographs.py downloads."""
    stamps = [load_picture(path) for path in sorted((root / "things" / "stamps").glob("*.png"))]
    views = [
        load_picture(path) for kind in ("albums", "rooms") for path in sorted((root / "things" / kind).glob("*.png"))
    ]
    cut_out = (np.dstack([cv2.cvtColor(stamp[..., :3], cv2.COLOR_BGR2GRAY), stamp[..., 3]]) for stamp in stamps)
    return Things(tuple(map(as_uint8, cut_out)), tuple(views))


def load_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture with all its channels. Raises ValueError if the file holds none."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{path} is not a picture: delete its folder, and it is downloaded again")
    return as_uint8(picture)


def draw_stamp(rng: np.random.Generator, scene: Grey, stamp: NDArray[np.uint8], long_side_px: float) -> None:
    """Draw an object at a random place, rotated and in another tone."""
    side, turn = scene.shape[0], rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.normal(0, 0.1)
    small = shrink_picture(stamp, int(np.ceil(long_side_px)))
    scale = long_side_px / max(small.shape[:2])
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix[:, 0] *= rng.choice([-1, 1])
    place = rng.uniform(-0.1 * side, 1.1 * side, 2) - matrix @ np.array(small.shape[1::-1]) / 2
    laid = cv2.warpAffine(small, np.column_stack([matrix, place]), (side, side), flags=cv2.INTER_LINEAR)
    cover = laid[..., 1].astype(np.float32) / 255
    scene += cover * (laid[..., 0] * rng.uniform(0.6, 1.2) + rng.uniform(-30, 30) - scene)


def crop_view(rng: np.random.Generator, view: NDArray[np.uint8], side: int) -> Grey:
    """Return a random part of a view, at a random scale, as side x side."""
    least = min(view.shape)
    cut = int(draw_log_uniform(rng, min(side, least), least))
    top, left = (int(rng.integers(0, size - cut + 1)) for size in view.shape)
    part = cv2.resize(view[top : top + cut, left : left + cut], (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(part[:, :: rng.choice([-1, 1])], np.float32)
