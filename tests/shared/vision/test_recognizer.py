"""A page is read: each digit where it stands, all of them through the network at once, honest about what is none."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.networks.detector_channels import CHANNELS, CLASSES, LOG_SIZE, SCORE
from shared.vision.detection import make_pyramid
from shared.vision.recognizer import (
    FrameRecognizer,
    is_accepted,
    load_detector,
    load_recognizer,
    make_classifier_input,
    select_digits,
)
from tests.shared.vision.drawings import Fake, write_page

MODELS = Path(__file__).parents[3] / "models"
HOT, COLD = 2.0, -10.0


def page_with_stroke(height: int = 160, width: int = 160) -> NDArray[np.uint8]:
    """Light paper with a dark stroke, 8 x 40 pixels, around (76, 68)."""
    page = np.full((height, width), 220, np.uint8)
    cv2.rectangle(page, (72, 48), (79, 87), 30, cv2.FILLED)
    return page


class FakeDetector(Fake):
    """A detector that, on the finest level of any page, is hot in one cell, where it says 4 and a box of 48 x 48."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__([])
        self.cell = row, column

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = np.zeros((len(inputs), CHANNELS, inputs.shape[2] // 8, inputs.shape[3] // 8), np.float32)
        maps[:, SCORE] = COLD  # 0 is enough to refine everywhere
        row, column = self.cell
        if inputs.shape[3] >= 160:
            maps[:, SCORE, row, column], maps[:, CLASSES.start + 4, row, column] = HOT, 3
            maps[:, LOG_SIZE, row, column] = np.log(2)
        return maps


def reader_at(row: int, column: int) -> FrameRecognizer:
    """A reader that finds something in one place of any page, and takes any ink for a 7."""
    return FrameRecognizer(FakeDetector(row, column), Fake([0.0] * 7 + [8.0] + [0.0] * 3))


@pytest.fixture(scope="module")
def reader() -> FrameRecognizer:
    return load_recognizer(MODELS, backend="onnx")


def test_digits_on_a_page_are_read_where_they_stand(reader: FrameRecognizer) -> None:
    right = said = 0
    for index in range(10):
        (digits,) = reader.read([write_page([index] * 10)])
        for digit in digits:
            x, y, w, h = digit.box
            column, row = (x + w / 2 - 60) // 110, (y + h / 2 - 40) // 130
            right += digit.digit == row * 5 + column
        said += len(digits)
    assert right >= 95
    assert said <= 101


def test_pages_together_say_what_each_says_alone(reader: FrameRecognizer) -> None:
    pages = [write_page([index] * 10) for index in range(3)] + [np.full((40, 50), 200, np.uint8)]
    together = reader.read(pages)
    for page, digits in zip(pages, together, strict=True):
        (alone,) = reader.read([page])
        assert [digit.box for digit in digits] == [digit.box for digit in alone]
        for one, other in zip(digits, alone, strict=True):
            assert one.log_p == pytest.approx(other.log_p, abs=1e-4)


def test_a_digit_is_read_at_its_place() -> None:
    (digits,) = reader_at(8, 9).read([page_with_stroke()])
    (digit,) = digits
    assert digit.digit == 7
    assert digit.box == (52, 44, 48, 48)
    assert digit.confidence > 0.5


def test_paper_without_ink_is_no_digit() -> None:
    blank = np.full((160, 160), 220, np.uint8)
    assert reader_at(8, 9).read([blank]) == [()]


def test_pages_of_different_sizes_keep_their_order() -> None:
    blank, small = np.full((200, 240), 220, np.uint8), page_with_stroke()
    large = page_with_stroke(200, 240)
    read = reader_at(8, 9).read([blank, small, large, small])
    assert [len(digits) for digits in read] == [0, 1, 1, 1]


def test_no_pages_give_no_readings() -> None:
    assert reader_at(8, 9).read([]) == []


def test_a_large_digit_is_cut_from_a_coarser_level() -> None:
    page = np.full((640, 640), 220, np.uint8)
    cv2.rectangle(page, (280, 120), (360, 520), 30, cv2.FILLED)
    image = make_classifier_input(make_pyramid(page), (260, 110, 120, 420))
    assert image is not None
    assert image.shape == (28, 28)
    rows = np.flatnonzero(image.max(axis=1) > 0.5)
    assert rows.max() - rows.min() + 1 == 20


@pytest.mark.parametrize("box", [(-500, -500, 20, 20), (900, 900, 20, 20), (10, 10, 0, 0)])
def test_a_box_beside_the_page_holds_nothing(box: tuple[float, float, float, float]) -> None:
    assert make_classifier_input(make_pyramid(np.full((160, 160), 220, np.uint8)), box) is None


@pytest.mark.parametrize(("shift_px", "count"), [(12, 1), (24, 1), (40, 2)])
def test_a_digit_with_two_boxes_is_read_once_and_neighbours_both(shift_px: int, count: int) -> None:
    boxes = np.array([[0, 0, 48, 48], [shift_px, 0, 48, 48]], np.float32)
    log_p = np.full((2, 11), -9.0)
    log_p[:, 7] = 0
    assert len(select_digits(boxes, log_p)) == count


def test_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"detector\.onnx can't be read"):
        load_recognizer(tmp_path, backend="onnx")


@pytest.mark.parametrize(("share", "refused"), [(0.9, 0), (0.1, 2)])
def test_candidates_that_are_not_said_are_counted_as_refused(share: float, refused: int) -> None:
    evidence = np.full((2, 11), np.log(0.001))
    evidence[:, 7], evidence[:, 10] = np.log(share), np.log(1 - share)
    assert (~is_accepted(evidence)).sum() == refused


def test_network_that_is_no_detector_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="takes other images than a detector does"):
        load_detector(MODELS / "classifier.onnx", "onnx")


def test_detector_of_another_version_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = Fake([0.0] * 15)  # it gave 15 maps
    monkeypatch.setattr("shared.vision.recognizer.load_network", lambda *_: earlier)
    with pytest.raises(ValueError, match="of another version: it gives 15 maps, and this program reads 16"):
        load_detector(MODELS / "detector.onnx", "onnx")
