"""Things photographed on their own, to lie among the writing: animals, fruit, dishes, tools; and views of nature.

They come from Debian's packages tuxpaint-stamps-default (GPL 2) and mate-backgrounds (GPL 2 and CC BY-SA) into
ROOT/things; where apt-get is not at hand training works too, but takes more of what is round or furry for a digit.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.page import as_uint8
from training.papers import Grey

PACKAGES = ("tuxpaint-stamps-default", "mate-backgrounds")
STAMPS, VIEWS = "usr/share/tuxpaint/stamps", "usr/share/backgrounds/mate/nature"
# drawings, and what shows letters or digits
LEFT_OUT = (
    "symbols",
    "cartoon",
    "flags",
    "roadsigns",
    "halloween",
    "hanukkah",
    "newyears",
    "easter",
    "measure",
    "mirror",
)
STAMP_PX, VIEW_PX = 320, 1280  # long sides, as they are kept
APT_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Things:
    """Cut-out things, each height x width x 2 (grey, cover), and whole views, height x width; all uint8."""

    stamps: tuple[NDArray[np.uint8], ...] = ()
    views: tuple[NDArray[np.uint8], ...] = ()


NO_THINGS = Things()


def fetch_things(root: Path) -> None:
    """Bring the things into ROOT/things, once; say so and go on when they can't be had."""
    folder = root / "things"
    if folder.is_dir():
        return
    with tempfile.TemporaryDirectory() as scratch:
        if unpack(Path(scratch)):
            keep_things(Path(scratch), folder)
        else:
            print("things: apt-get can't bring them; training goes on without photographs of things")


def unpack(scratch: Path) -> bool:
    """Download the packages and unpack them, without installing; whether it worked."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    try:
        for command in [["apt-get", "download", *PACKAGES], *(["dpkg-deb", "-x", name, "."] for name in PACKAGES)]:
            words = [next(map(str, scratch.glob(f"{word}_*.deb")), word) for word in command]
            subprocess.run(words, cwd=scratch, check=True, capture_output=True, timeout=APT_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError):
        return False
    return True


def keep_things(unpacked: Path, folder: Path) -> None:
    """Write what is of use, made smaller, under names that don't depend on the package's version."""
    made = folder.with_suffix(".new")
    made.mkdir(parents=True, exist_ok=True)
    for path in stamp_files(unpacked / STAMPS):
        picture = open_picture(path)
        if picture.ndim == 3 and picture.shape[2] == 4:
            cv2.imwrite(str(made / f"stamp-{path.stem}.png"), shrink(picture, STAMP_PX))
    for path in sorted((unpacked / VIEWS).glob("*.jpg")):
        view = cv2.cvtColor(open_picture(path), cv2.COLOR_BGR2GRAY)
        cv2.imwrite(str(made / f"view-{path.stem}.png"), shrink(as_uint8(view), VIEW_PX))
    made.replace(folder)


def stamp_files(folder: Path) -> Iterator[Path]:
    """Yield the files of photographs without letters or digits."""
    for path in sorted(folder.rglob("*.png")):
        if not any(word in str(path.relative_to(folder)) for word in LEFT_OUT):
            yield path


def open_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture with all its channels. Raises ValueError where there is none in the file."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{path} is no picture: delete its folder, it will be brought again")
    return as_uint8(picture)


def shrink(picture: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    """Return the picture no larger than that."""
    scale = min(1.0, long_side_px / max(picture.shape[:2]))
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def load_things(root: Path) -> Things:
    """Return the things that are there."""
    stamps = []
    for path in sorted((root / "things").glob("stamp-*.png")):
        picture = open_picture(path)
        stamps.append(np.dstack([cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2GRAY), picture[..., 3]]))
    paths = sorted((root / "things").glob("view-*.png"))
    return Things(tuple(stamps), tuple(map(open_picture, paths)))


def drop_stamp(rng: np.random.Generator, scene: Grey, stamp: NDArray[np.uint8], long_side_px: float) -> None:
    """Lay a thing somewhere on the scene, turned and in another tone."""
    side, (height, width) = scene.shape[0], stamp.shape[:2]
    scale = long_side_px / max(height, width)
    turn = rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.normal(0, 0.1)
    matrix = (
        scale
        * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        @ np.diag([rng.choice([-1, 1]), 1])
    )
    place = rng.uniform(-0.1 * side, 1.1 * side, 2) - matrix @ (width / 2, height / 2)
    source = shrink(stamp, int(np.ceil(long_side_px)))
    matrix *= max(height, width) / max(source.shape[:2])
    laid = cv2.warpAffine(source, np.column_stack([matrix, place]), (side, side), flags=cv2.INTER_LINEAR)
    cover = laid[..., 1].astype(np.float32) / 255
    scene += cover * (laid[..., 0] * rng.uniform(0.6, 1.2) + rng.uniform(-30, 30) - scene)


def look_out(rng: np.random.Generator, view: NDArray[np.uint8], side: int) -> Grey:
    """Return a random part of a view, near or far, side x side."""
    least = min(view.shape)
    cut = int(np.exp(rng.uniform(np.log(min(side, least)), np.log(least))))
    top, left = (int(rng.integers(0, size - cut + 1)) for size in view.shape)
    part = cv2.resize(view[top : top + cut, left : left + cut], (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(part[:, :: rng.choice([-1, 1])], np.float32)
