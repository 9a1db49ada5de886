"""Text readers that a user would pick instead, as rows beside this program: each is left out where it is not installed.

pip install rapidocr onnxruntime       # with the models in its package
apt install tesseract-ocr
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np

from shared.vision.digit import NOT_A_DIGIT, Box, Digit
from shared.vision.image_files import Photo
from training.evaluate.photographs import FindDigits

LONG_SIDE_PX = 1600  # larger pictures are scaled down: RapidOCR scales to less itself
TESSERACT_S = 60.0
TESSERACT = ("tesseract", "-", "-", "--psm", "11", "-c", "tessedit_char_whitelist=0123456789", "tsv")


def find_text_readers() -> Iterator[tuple[str, FindDigits]]:
    """Yield the name and the function of each reader that is installed."""
    if find_spec("rapidocr"):
        yield "RapidOCR", load_rapidocr()
    if shutil.which("tesseract"):
        yield "Tesseract", read_with_tesseract


def load_rapidocr() -> FindDigits:
    """Return RapidOCR as a function from a photograph to its digits."""
    engine: Any = import_module("rapidocr").RapidOCR(params={"Global.log_level": "error"})

    def find_digits(photo: Photo) -> Sequence[Digit]:
        picture, scale = shrink(photo)
        result = engine(picture)
        lines = [] if result.boxes is None else zip(result.boxes, result.txts, result.scores, strict=True)
        return [
            digit.scaled(1 / scale)
            for corners, text, score in lines
            for digit in spread_text(text, float(score), box_around(np.asarray(corners, np.float64)))
        ]

    return find_digits


def read_with_tesseract(photo: Photo) -> Sequence[Digit]:
    """Return the digits that Tesseract finds in scattered text."""
    picture, scale = shrink(photo)
    _, png = cv2.imencode(".png", picture)
    output = subprocess.run(TESSERACT, input=png.tobytes(), capture_output=True, timeout=TESSERACT_S, check=True)
    digits: list[Digit] = []
    for row in output.stdout.decode().splitlines()[1:]:
        *_, left, top, width, height, confidence, text = row.split("\t")
        if float(confidence) >= 0:  # a word; -1 is a block or a line
            box = (float(left), float(top), float(width), float(height))
            digits += [digit.scaled(1 / scale) for digit in spread_text(text, float(confidence) / 100, box)]
    return digits


def shrink(photo: Photo) -> tuple[Photo, float]:
    """Return the photograph with a long side of at most LONG_SIDE_PX, and its scale."""
    scale = min(1.0, LONG_SIDE_PX / max(photo.shape))
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def box_around(corners: np.ndarray[Any, np.dtype[np.float64]]) -> Box:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)


def spread_text(text: str, confidence: float, box: Box) -> Iterator[Digit]:
    """Yield the digits of a text, each with its part of the text's box: these readers give a box for each line."""
    x, y, width, height = box
    step = width / max(len(text), 1)
    certain, other = np.log(np.clip([confidence, (1 - confidence) / NOT_A_DIGIT], 1e-6, 1)).tolist()
    for place, sign in enumerate(text):
        if sign in "0123456789":
            log_p = tuple(certain if label == int(sign) else other for label in range(NOT_A_DIGIT + 1))
            yield Digit((x + place * step, y, step, height), log_p)
