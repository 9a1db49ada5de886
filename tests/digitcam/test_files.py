"""digitcam files: names each picture that was not read, and asks to read a file again."""

import json
from pathlib import Path

import pytest

from digitcam.__main__ import main
from shared.file_reading.frame_records import FrameRecord, FrameRecords
from shared.file_reading.progress import FileProgress, find_request, make_stamp, save_progress
from shared.messaging.messages import FilePosition
from shared.pipeline import Outcome


@pytest.fixture(autouse=True)
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


def note(run_dir: Path, camera: str, path: Path, *outcomes: Outcome | None, frames: int | None) -> None:
    """Note a file whose frames ended like this; None is one that is not in the record."""
    stamp = make_stamp(path)
    progress = FileProgress(camera=camera, path=str(path), stamp=stamp, recorded=len(outcomes), frames=frames)
    save_progress(run_dir, progress)
    records = FrameRecords(run_dir)
    records.add(
        [
            FrameRecord(
                camera=camera,
                position=FilePosition(stamp, index),
                seq=index,
                captured_at=1.0,
                outcome=outcome,
                width=1,
                height=1,
                digits=(),
            )
            for index, outcome in enumerate(outcomes)
            if outcome
        ]
    )
    records.close()


@pytest.fixture
def photos(tmp_path: Path, run_dir: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.png", "c.jpg"):
        (folder / name).write_bytes(b"photo")
    note(run_dir, "photos", folder, Outcome.READ, Outcome.MALFORMED, None, frames=3)
    return folder


@pytest.fixture
def film(tmp_path: Path, run_dir: Path) -> Path:
    path = tmp_path / "film.avi"
    path.write_bytes(b"film")
    note(run_dir, "film", path, Outcome.READ, Outcome.UNCHANGED, frames=2)
    return path


def test_pictures_that_were_not_read_are_named_with_their_reason(
    photos: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["files"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"film: ended, 2 pictures, 2 read, 0 not read ({film})",
        f"photos: ended, 3 pictures, 1 read, 2 not read ({photos})",
        "       1  b.png  malformed",
        "       2  c.jpg  not recorded",
    ]
    assert main(["files", "film"]) == 0


def test_json_has_an_object_for_each_file(photos: Path, film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files", "photos", "--json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "camera": "photos",
        "path": str(photos),
        "stamp": make_stamp(photos),
        "ended": True,
        "frames": 3,
        "read": 1,
        "not_read": [
            {"index": 1, "name": "b.png", "reason": "malformed"},
            {"index": 2, "name": "c.jpg", "reason": "not recorded"},
        ],
    }


def test_names_of_a_folder_that_has_changed_are_not_guessed(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "0.jpg").write_bytes(b"new")
    main(["files"])
    assert capsys.readouterr().out.splitlines()[1:] == ["       1  malformed", "       2  not recorded"]


def test_file_that_is_still_read_is_not_complete(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note(run_dir, "clip", tmp_path, Outcome.READ, frames=None)
    assert main(["files"]) == 1
    assert capsys.readouterr().out == f"clip: not read to its end yet, 1 read, 0 not read ({tmp_path})\n"


def test_file_is_asked_for_again(film: Path, run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find_request(run_dir, "film") == ""
    assert main(["files", "film", "--again"]) == 0
    assert capsys.readouterr().out == "film is read again from its start, now or when the pipeline runs.\n"
    assert find_request(run_dir, "film")


def test_nothing_that_was_read_is_one_sentence(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files"]) == 0
    assert capsys.readouterr().out == f"No file has been read with EVERY_FRAME=true in RUN_DIR={run_dir}.\n"
    assert not run_dir.exists()


@pytest.mark.parametrize("words", [["hall"], ["hall", "--again"]])
def test_unknown_camera_is_refused_in_one_sentence(
    film: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["files", *words]) == 1
    assert "no file of hall has been read" in capsys.readouterr().err


def test_again_needs_a_camera(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["files", "--again"])
    assert "--again needs the name of a camera" in capsys.readouterr().err
