"""import digitcam: a picture is read from a path or an array, with the same result as `digitcam read --json`."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import digitcam
from digitcam.recognition import PictureReading
from shared.vision.digit import Digit, Number
from tests.conftest import MakeSettings

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def bgr() -> Pixels:
    """White paper with 42 and 7, far apart."""
    paper = np.full((480, 640, 3), 235, np.uint8)
    for text, origin in (("42", (60, 260)), ("7", (480, 260))):
        cv2.putText(paper, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 4, (60, 40, 40), 10)
    return paper


@pytest.fixture(scope="module")
def photo(bgr: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "sheet.png"
    cv2.imwrite(str(path), bgr)
    return path


def texts(reading: digitcam.PictureReading) -> list[str]:
    return [number.text for number in reading.numbers]


def test_path_string_and_array_give_the_same_reading(photo: Path, bgr: Pixels) -> None:
    reading = digitcam.read(photo)
    assert digitcam.read(str(photo)) == reading
    assert digitcam.read(bgr) == reading
    assert texts(reading) == ["42", "7"]


def test_gray_16_bit_and_transparent_arrays_are_read(bgr: Pixels) -> None:
    gray = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    opaque = np.dstack([bgr, np.full(gray.shape, 255, np.uint8)])
    for picture in (gray, gray[:, :, None], gray.astype(np.uint16) * 257, opaque):
        assert texts(digitcam.read(picture)) == ["42", "7"]


def test_ink_as_bright_as_its_paper_is_read_by_its_colour(bgr: Pixels) -> None:
    yellow = np.where(bgr < 200, np.array([60, 255, 255]), 250).astype(np.uint8)
    assert texts(digitcam.read(yellow)) == ["42", "7"]


def test_boxes_are_in_pixels_of_a_picture_that_was_scaled_down(bgr: Pixels) -> None:
    small, large = digitcam.read(bgr), digitcam.read(cv2.resize(bgr, (2560, 1920)))
    assert (large.width, large.height) == (2560, 1920)
    for digit, same in zip(small.digits, large.digits, strict=True):
        assert np.abs(np.array(same.box) / 4 - np.array(digit.box)).max() < 20


def test_reading_as_json_is_a_line_of_the_command(photo: Path) -> None:
    command = [sys.executable, "-m", "digitcam", "read", str(photo), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=50)
    line = json.loads(done.stdout)
    assert {"path": str(photo)} | digitcam.read(photo).to_json() == line


def test_recognizer_reads_many_pictures(bgr: Pixels, make_settings: MakeSettings) -> None:
    recognizer = digitcam.Recognizer(make_settings())
    blank = np.full((48, 64), 255, np.uint8)
    assert [texts(recognizer.read(picture)) for picture in (bgr, blank, bgr)] == [["42", "7"], [], ["42", "7"]]


def test_networks_that_are_missing_are_an_error(make_settings: MakeSettings, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be read: no such file"):
        digitcam.Recognizer(make_settings(MODELS=tmp_path))


@pytest.mark.parametrize(
    ("picture", "error", "sentence"),
    [
        ("missing.jpg", ValueError, r"missing\.jpg: there is no such file"),
        (Path(__file__), ValueError, "this is not a picture or video that can be read"),
        (np.zeros((0, 4), np.uint8), ValueError, "the picture is empty"),
        (np.zeros((4, 4), np.float32), ValueError, "unsigned integers"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, "height x width"),
        ([[0, 255]], TypeError, "a path or a numpy array, not list"),
        (None, TypeError, "a path or a numpy array, not NoneType"),
    ],
)
def test_unreadable_picture_is_an_error_in_one_sentence(picture: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        digitcam.read(picture)


def test_reading_is_one_short_line_at_the_prompt() -> None:
    log_p = (*[math.log(0.002)] * 7, math.log(0.98), *[math.log(0.002)] * 3)
    seven = Digit((412.04, 96.5, 40.2, 61.0), log_p)
    number = Number("7", 0.98, seven.box)
    one = PictureReading(width=640, height=480, digits=(seven,), numbers=(number,))
    none = PictureReading(width=640, height=480, digits=(), numbers=())
    assert repr(one) == "<PictureReading of 640 x 480: 7 0.98>"
    assert repr(none) == "<PictureReading of 640 x 480: no digit>"
    assert repr(seven) == "<Digit 7 0.98, box (412.0, 96.5, 40.2, 61.0)>"


def test_import_loads_no_library_of_the_networks() -> None:
    code = "import sys, digitcam; print(sorted({'cv2', 'numpy', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=50)
    assert done.stdout.strip() == "[]"


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'write'"):
        digitcam.write  # noqa: B018
