"""Things and views that were photographed: what else lies on a desk and stands behind it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import as_uint8
from training.scenes.papers import Grey
from training.scenes.photographs import shrink


@dataclass(frozen=True, slots=True)
class Things:
    """Cut-out things, each height x width x 2 (grey, cover), and whole views, height x width; all uint8."""

    stamps: tuple[NDArray[np.uint8], ...] = ()
    views: tuple[NDArray[np.uint8], ...] = ()


NO_THINGS = Things()


def load_things(root: Path) -> Things:
    """Return the things that are there (photographs.py brings them)."""
    stamps = [open_picture(path) for path in sorted((root / "things" / "stamps").glob("*.png"))]
    views = [
        open_picture(path) for kind in ("albums", "rooms") for path in sorted((root / "things" / kind).glob("*.png"))
    ]
    cut_out = (np.dstack([cv2.cvtColor(stamp[..., :3], cv2.COLOR_BGR2GRAY), stamp[..., 3]]) for stamp in stamps)
    return Things(tuple(map(as_uint8, cut_out)), tuple(views))


def open_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture with all its channels. Raises ValueError where there is none in the file."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{path} is no picture: delete its folder, and it will be brought again")
    return as_uint8(picture)


def drop_stamp(rng: np.random.Generator, scene: Grey, stamp: NDArray[np.uint8], long_side_px: float) -> None:
    """Lay a thing somewhere on the scene, turned and in another tone."""
    side, turn = scene.shape[0], rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.normal(0, 0.1)
    small = shrink(stamp, int(np.ceil(long_side_px)))
    scale = long_side_px / max(small.shape[:2])
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix[:, 0] *= rng.choice([-1, 1])
    place = rng.uniform(-0.1 * side, 1.1 * side, 2) - matrix @ np.array(small.shape[1::-1]) / 2
    laid = cv2.warpAffine(small, np.column_stack([matrix, place]), (side, side), flags=cv2.INTER_LINEAR)
    cover = laid[..., 1].astype(np.float32) / 255
    scene += cover * (laid[..., 0] * rng.uniform(0.6, 1.2) + rng.uniform(-30, 30) - scene)


def look_out(rng: np.random.Generator, view: NDArray[np.uint8], side: int) -> Grey:
    """Return a random part of a view, near or far, side x side."""
    least = min(view.shape)
    cut = int(np.exp(rng.uniform(np.log(min(side, least)), np.log(least))))
    top, left = (int(rng.integers(0, size - cut + 1)) for size in view.shape)
    part = cv2.resize(view[top : top + cut, left : left + cut], (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(part[:, :: rng.choice([-1, 1])], np.float32)
