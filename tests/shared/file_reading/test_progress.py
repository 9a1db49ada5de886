"""Progress of files: written whole or not at all, and whatever is wrong with it prevents no start."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.file_reading.progress import (
    FileProgress,
    find_request,
    list_progress,
    load_progress,
    progress_path,
    request_again,
    save_progress,
)
from shared.state_files import MAX_BYTES

STAMP = "0123456789abcdef"
GOOD = FileProgress(camera="film", path="/films/film.avi", stamp=STAMP, recorded=252)


def test_progress_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    assert load_progress(tmp_path, "film") is None
    for progress in (GOOD, FileProgress(camera="film", path="/f", stamp=STAMP, recorded=1500, frames=1500)):
        save_progress(tmp_path, progress)
        assert load_progress(tmp_path, "film") == progress
    assert not GOOD.is_ended
    assert progress.is_ended
    assert [path.name for path in (tmp_path / "progress").iterdir()] == ["film.json"]


@pytest.mark.parametrize("name", ["a/b", "..", "hall 2", "große", "x" * 64, "日" * 64, ".", "a.again"])
def test_every_name_of_a_camera_has_a_file_of_its_own(tmp_path: Path, name: str) -> None:
    other = FileProgress(camera="".join(c if c.isalnum() else "_" for c in name), path="/f", stamp=STAMP)
    progress = FileProgress(camera=name, path="/f", stamp=STAMP, recorded=3)
    save_progress(tmp_path, other)
    save_progress(tmp_path, progress)
    assert load_progress(tmp_path, name) == progress
    assert progress_path(tmp_path, name).parent == tmp_path / "progress"
    assert {found.camera for found in list_progress(tmp_path)} == {name, other.camera}


WRONG: list[object] = [
    None,
    [],
    {},
    {**asdict(GOOD), "more": 1},
    {**asdict(GOOD), "stamp": "film"},
    {**asdict(GOOD), "stamp": 7},
    {**asdict(GOOD), "path": None},
    {**asdict(GOOD), "recorded": -1},
    {**asdict(GOOD), "recorded": "252"},
    {**asdict(GOOD), "recorded": True},
    {**asdict(GOOD), "recorded": 2**60},
    {**asdict(GOOD), "frames": 1.5},
]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[" * 20_000, b" " * (MAX_BYTES + 1), *(json.dumps(wrong).encode() for wrong in WRONG)],
    ids=lambda data: str(data[:20]),
)
def test_damaged_file_is_set_aside(tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path = progress_path(tmp_path, "film")
    path.parent.mkdir()
    path.write_bytes(data)
    assert load_progress(tmp_path, "film") is None
    assert not path.exists()
    (aside,) = path.parent.glob("film.json.broken-*")
    assert aside.read_bytes() == data
    assert len(caplog.messages) == 1
    save_progress(tmp_path, GOOD)
    assert load_progress(tmp_path, "film") == GOOD


@pytest.mark.parametrize("place", ["progress", "progress/film.json"])
def test_what_is_in_the_place_of_a_file_or_folder_is_set_aside(tmp_path: Path, place: str) -> None:
    if place == "progress":
        (tmp_path / place).write_bytes(b"a file")
    else:
        (tmp_path / place).mkdir(parents=True)
    assert load_progress(tmp_path, "film") is None
    save_progress(tmp_path, GOOD)
    assert load_progress(tmp_path, "film") == GOOD


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr))
def test_no_bytes_prevent_a_start(tmp_path: Path, data: bytes | str) -> None:
    path = progress_path(tmp_path, "film")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.encode(errors="replace") if isinstance(data, str) else data)
    assert load_progress(tmp_path, "film") is None


def test_each_request_to_read_again_is_another(tmp_path: Path) -> None:
    assert find_request(tmp_path, "film") == ""
    request_again(tmp_path, "film")
    first = find_request(tmp_path, "film")
    request_again(tmp_path, "film")
    assert len({"", first, find_request(tmp_path, "film")}) == 3
    assert find_request(tmp_path, "other") == ""
