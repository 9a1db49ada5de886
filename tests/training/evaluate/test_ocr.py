"""A text reader gives a line of text with a box: its digits are counted, and lie about where they stand."""

import shutil

import cv2
import numpy as np
import pytest

from training.evaluate.ocr import read_with_tesseract, spread_text


def test_digits_of_a_text_share_its_box() -> None:
    digits = list(spread_text("a1=42", 0.9, (100, 10, 50, 20)))
    assert [(digit.digit, digit.box) for digit in digits] == [
        (1, (110, 10, 10, 20)), (4, (130, 10, 10, 20)), (2, (140, 10, 10, 20)),
    ]  # fmt: skip
    assert digits[0].confidence == pytest.approx(0.9)


def test_text_without_digits_gives_none() -> None:
    assert list(spread_text("\u0664\u00b2x", 1.0, (0, 0, 30, 10))) == []


@pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract is not installed")
def test_tesseract_reads_print_at_its_place() -> None:
    paper = np.full((300, 3200, 3), 255, np.uint8)  # larger than it gets to see
    cv2.putText(paper, "4821", (1000, 220), cv2.FONT_HERSHEY_SIMPLEX, 6, (0, 0, 0), 20)
    digits = read_with_tesseract(paper)
    assert "".join(str(digit.digit) for digit in digits) == "4821"
    assert all(950 <= digit.box[0] <= 1600 for digit in digits)
