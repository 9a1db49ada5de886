"""digitcam read prints what is in photos, folders and videos, and an error for anything else."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shared.demo.camera import DemoCamera
from shared.demo.paper import load_digits

DIGITCAM = Path(sys.executable).parent / "digitcam"
AT_S = 1.5  # a moment at which the demo's sheet is whole in the picture


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run digitcam as from a shell."""
    return subprocess.run(
        [str(DIGITCAM), *words], check=False, capture_output=True, text=True, timeout=50, env=os.environ | environment
    )


def read(*paths: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the objects that `digitcam read --json` prints, and its exit code."""
    done = run("read", *map(str, paths), "--json")
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A large 7 on white paper."""
    path = tmp_path / "sheet.jpg"
    paper = np.full((480, 640, 3), 235, np.uint8)
    cv2.imwrite(str(path), cv2.putText(paper, "7", (270, 300), cv2.FONT_HERSHEY_SIMPLEX, 6, (60, 40, 40), 14))
    return path


def test_photo_gives_digits_and_numbers_in_its_own_pixels(sheet: Path) -> None:
    (result,), code = read(sheet)
    assert code == 0
    assert (result["path"], result["width"], result["height"]) == (str(sheet), 640, 480)
    (digit,) = result["digits"]
    assert digit["digit"] == 7
    assert 0 < digit["confidence"] <= 1
    x, y, w, h = digit["box"]
    assert 260 < x < x + w < 400
    assert 150 < y < y + h < 320
    assert [number["text"] for number in result["numbers"]] == ["7"]


def test_large_photo_has_its_boxes_in_its_own_pixels(tmp_path: Path, sheet: Path) -> None:
    large = cv2.resize(cv2.imread(str(sheet)), None, fx=4, fy=4)  # type: ignore[arg-type]
    cv2.imwrite(str(tmp_path / "large.png"), large)
    (small_result, large_result), _ = read(sheet, tmp_path / "large.png")
    small_box, large_box = (np.array(result["digits"][0]["box"]) for result in (small_result, large_result))
    assert np.abs(large_box / 4 - small_box).max() < 8


@pytest.mark.parametrize("kind", ["grey", "16 bits", "transparent"])
def test_png_of_any_kind_is_read(tmp_path: Path, sheet: Path, kind: str) -> None:
    picture = cv2.imread(str(sheet))
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))  # type: ignore[arg-type]
    ink = np.where(grey < 150, 255, 0).astype(np.uint8)
    pictures = {
        "grey": grey,
        "16 bits": grey.astype(np.uint16) * 257,
        "transparent": np.dstack([np.zeros_like(ink)] * 3 + [ink]),
    }
    cv2.imwrite(str(tmp_path / "a.png"), pictures[kind])
    (result,), code = read(tmp_path / "a.png")
    assert code == 0
    assert [digit["digit"] for digit in result["digits"]] == [7]


def test_one_pixel_has_no_digits(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    (result,), code = read(tmp_path / "dot.png")
    assert (result["digits"], result["numbers"], code) == ([], [], 0)


def test_unreadable_paths_are_errors_and_the_others_are_read(tmp_path: Path, sheet: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.jpg").write_bytes(sheet.read_bytes()[:200])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "film.mp4").write_bytes(b"no film")
    paths = [tmp_path / name for name in ("none.jpg", "empty", "broken.jpg", "text.jpg", "film.mp4")]
    results, code = read(*paths, sheet)
    assert code == 1
    assert [result["path"] for result in results] == [*map(str, paths), str(sheet)]
    assert all("error" in result for result in results[:-1])
    assert results[-1]["digits"]


def test_photo_with_a_huge_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = b"P6 40000 40000 255\n"
    (tmp_path / "huge.ppm").write_bytes(header + b"\0" * 100)
    (result,), code = read(tmp_path / "huge.ppm")
    assert code == 1
    assert "too large" in result["error"]


def test_video_gives_one_result_a_frame(tmp_path: Path) -> None:
    video = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (640, 480))
    for number in range(5):
        video.write(DemoCamera(1).render(AT_S + number / 30)[0])
    video.release()
    results, code = read(tmp_path / "a.avi")
    assert code == 0
    assert [result["frame"] for result in results] == [0, 1, 2, 3, 4]


def test_folder_is_read_with_the_folders_in_it(tmp_path: Path, sheet: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.jpg").write_bytes(sheet.read_bytes())
    (tmp_path / "notes.txt").write_text("not a picture, and not an error")
    results, code = read(tmp_path)
    assert code == 0
    assert [Path(result["path"]).name for result in results] == ["b.jpg", "sheet.jpg"]


def test_without_json_each_picture_is_a_line(sheet: Path, tmp_path: Path) -> None:
    done = run("read", str(sheet), str(tmp_path / "none.jpg"))
    assert done.stdout == f"{sheet}: 7\n"
    assert done.stderr == f"{tmp_path / 'none.jpg'}: there is no such file\n"
    assert done.returncode == 1


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_missing_or_broken_models_are_one_sentence(tmp_path: Path, sheet: Path, content: bytes | None) -> None:
    for name in ("blog.onnx", "detector.onnx", "classifier.onnx") if content is not None else ():
        (tmp_path / name).write_bytes(content or b"")
    done = run("read", str(sheet), MODELS=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"digitcam: MODELS={tmp_path}")
    assert done.stderr.count("\n") == 1


def test_wrong_setting_is_one_sentence(sheet: Path) -> None:
    done = run("read", str(sheet), MAX_BATCH="many")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "MAX_BATCH=many" in done.stderr


def test_keys_are_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()  # open to all
    assert run("keys", str(folder)).returncode == 0
    secret = (folder / "digitcam.key_secret").read_bytes()
    assert (folder / "digitcam.key_secret").stat().st_mode & 0o077 == 0
    again = run("keys", str(folder))
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert (folder / "digitcam.key_secret").read_bytes() == secret


def test_name_that_is_not_utf8_is_read_and_printed_as_it_is(tmp_path: Path, sheet: Path) -> None:
    path = os.fsencode(tmp_path) + b"/latin\xe9.jpg"
    Path(os.fsdecode(path)).write_bytes(sheet.read_bytes())
    done = subprocess.run([str(DIGITCAM), "read", path], check=False, capture_output=True, timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == (path + b": 7\n", b"", 0)


@pytest.mark.skipif(os.name != "posix", reason="no such names on Windows")
def test_name_with_control_characters_stays_on_its_line_and_sends_the_terminal_nothing(
    tmp_path: Path, sheet: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    sheet.rename(folder / "a\n\x1b[31m.jpg")
    (folder / "b\x9b2J.jpg").touch()
    (folder / "c\r.txt").touch()
    done = run("read", str(folder))
    assert done.stdout == f"{folder}/a\\x0a\\x1b[31m.jpg: 7\n"
    assert f"{folder}/b\\x9b2J.jpg: the file is empty\n" in done.stderr
    assert f"{folder}/c\\x0d.txt\n" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that opens but can't be read")
def test_file_on_a_failing_disk_is_named_and_the_others_are_read(sheet: Path) -> None:
    done = run("read", "/proc/self/mem", str(sheet))
    assert (done.stdout, done.returncode) == (f"{sheet}: 7\n", 1)
    assert done.stderr == "/proc/self/mem: it can't be read (input/output error)\n"


def test_name_that_begins_with_a_dash_follows_two_dashes(tmp_path: Path, sheet: Path) -> None:
    sheet.rename(tmp_path / "-7.jpg")
    done = subprocess.run(
        [str(DIGITCAM), "read", "--", "-7.jpg"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=50
    )
    assert done.stdout == "-7.jpg: 7\n"


def test_standard_input_is_read(sheet: Path) -> None:
    with sheet.open("rb") as file:
        done = subprocess.run([str(DIGITCAM), "read", "-"], check=False, capture_output=True, stdin=file, timeout=50)
    assert done.stdout == b"-: 7\n"


def test_table_has_a_row_for_each_number_and_errors_go_elsewhere(tmp_path: Path, sheet: Path) -> None:
    blank = tmp_path / "a,b.png"
    cv2.imwrite(str(blank), np.full((48, 64), 255, np.uint8))
    done = run("read", str(sheet), str(blank), "none.jpg", "--csv")
    header, seven, nothing = csv.reader(done.stdout.splitlines())
    assert header == ["path", "frame", "number", "confidence", "x", "y", "width", "height"]
    assert seven[:3] == [str(sheet), "", "7"]
    assert nothing == [str(blank), *[""] * 7]
    assert (done.stderr, done.returncode) == ("none.jpg: there is no such file\n", 1)


def test_what_is_less_certain_is_left_out(sheet: Path) -> None:
    assert run("read", str(sheet), "--min-confidence", "0.1").stdout == f"{sheet}: 7\n"
    assert run("read", str(sheet), "--min-confidence", "1").stdout == f"{sheet}: no digit\n"
    assert "2 is not a number from 0 to 1" in run("read", str(sheet), "--min-confidence", "2").stderr


def test_overlay_shows_each_picture_with_its_readings(tmp_path: Path, sheet: Path) -> None:
    assert run("read", str(sheet), "--overlay", str(tmp_path / "seen" / "here")).returncode == 0
    (file,) = (tmp_path / "seen" / "here").iterdir()
    assert file.name.endswith("_sheet.jpg.jpg")
    difference = cv2.absdiff(cv2.imread(str(file)), cv2.imread(str(sheet)))  # type: ignore[arg-type]
    assert difference.max() > 100
    done = run("read", str(sheet), "--overlay", str(sheet))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_files_that_a_folder_leaves_out_are_named(tmp_path: Path, sheet: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.txt").touch()
    done = run("read", str(tmp_path))
    assert done.stdout == f"{sheet}: 7\n"
    assert done.stderr.endswith("4.txt and 2 more\n")
    assert done.stderr.count("\n") == 1


def test_long_strip_is_read_in_parts_and_each_digit_once(tmp_path: Path) -> None:
    strip = np.full((300, 6000), 235, np.uint8)
    for digit, examples in enumerate(load_digits()):
        ink = cv2.resize(examples[2], (280, 280), interpolation=cv2.INTER_CUBIC)
        strip[10:290, 100 + 580 * digit : 380 + 580 * digit] -= (0.7 * ink).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "across.png"), strip)
    column = np.vstack([strip[:, 580 * digit : 580 * digit + 580] for digit in range(10)])
    cv2.imwrite(str(tmp_path / "down.png"), column)
    results, _ = read(tmp_path / "across.png", tmp_path / "down.png")
    for result in results:
        assert sorted(digit["digit"] for digit in result["digits"]) == list(range(10))
    boxes = np.array([digit["box"] for digit in sorted(results[0]["digits"], key=lambda digit: digit["digit"])])
    assert np.abs(boxes[:, 0] + boxes[:, 2] / 2 - (240 + 580 * np.arange(10))).max() < 40


def test_keys_in_a_folder_that_can_not_be_made_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "keys", tmp_path / ("x" * 300)):
        done = run("keys", str(folder))
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"{folder} can't be written (" in done.stderr


def test_ctrl_c_ends_long_work_without_a_traceback(tmp_path: Path, sheet: Path) -> None:
    names = [str(sheet)] * 2000
    with subprocess.Popen([str(DIGITCAM), "read", *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=20)[1]
    assert (process.returncode, error) == (130, b"")
