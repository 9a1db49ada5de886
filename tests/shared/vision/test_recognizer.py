"""Gray frames are read in one batch: each digit at its place, and none on empty paper."""

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
    make_classifier_inputs,
    select_candidates,
)
from tests.shared.vision.drawings import FakeNetwork, draw_digits

MODELS = Path(__file__).parents[3] / "models"
HIGH, LOW = 2.0, -10.0  # logits of the score


def draw_stroke(height: int = 160, width: int = 160) -> NDArray[np.uint8]:
    """Return light paper with a dark stroke of 8 x 40 pixels around (76, 68)."""
    gray = np.full((height, width), 220, np.uint8)
    cv2.rectangle(gray, (72, 48), (79, 87), 30, cv2.FILLED)
    return gray


class FakeDetector(FakeNetwork):
    """Finds, on the finest level of any frame, one 4 with a box of 48 x 48, centred in one cell."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__([])
        self.cell = row, column

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = np.zeros((len(inputs), CHANNELS, inputs.shape[2] // 8, inputs.shape[3] // 8), np.float32)
        maps[:, SCORE] = LOW  # 0 is enough to refine everywhere
        row, column = self.cell
        if inputs.shape[3] >= 160:
            maps[:, SCORE, row, column], maps[:, CLASSES.start + 4, row, column] = HIGH, 3
            maps[:, LOG_SIZE, row, column] = np.log(2)
        return maps


def fake_recognizer() -> FrameRecognizer:
    """Return a recognizer with one candidate, at row 8 and column 9 of any frame, that classifies any ink as a 7."""
    return FrameRecognizer(FakeDetector(8, 9), FakeNetwork([0.0] * 7 + [8.0] + [0.0] * 3))


@pytest.fixture(scope="module")
def recognizer() -> FrameRecognizer:
    return load_recognizer(MODELS, backend="onnx")


def test_shipped_networks_read_digits_at_their_places(recognizer: FrameRecognizer) -> None:
    correct = total = 0
    for index in range(10):
        (digits,) = recognizer.read([draw_digits([index] * 10)])
        for digit in digits:
            x, y, w, h = digit.box
            column, row = (x + w / 2 - 60) // 110, (y + h / 2 - 40) // 130
            correct += digit.digit == row * 5 + column
        total += len(digits)
    assert correct >= 95
    assert total <= 101


def test_batch_gives_the_same_digits_as_single_frames(recognizer: FrameRecognizer) -> None:
    grays = [draw_digits([index] * 10) for index in range(3)] + [np.full((40, 50), 200, np.uint8)]
    together = recognizer.read(grays)
    for gray, digits in zip(grays, together, strict=True):
        (alone,) = recognizer.read([gray])
        assert [digit.box for digit in digits] == [digit.box for digit in alone]
        for one, other in zip(digits, alone, strict=True):
            assert one.log_p == pytest.approx(other.log_p, abs=1e-4)


def test_class_comes_from_the_classifier_and_box_from_the_ink() -> None:
    (digits,) = fake_recognizer().read([draw_stroke()])
    (digit,) = digits
    assert digit.digit == 7
    assert digit.box == pytest.approx((72, 48, 8, 40), abs=1)  # the detector's is (52, 44, 48, 48)
    assert digit.confidence > 0.5


@pytest.mark.parametrize("scale", [1, 4, 12])
def test_box_is_that_of_the_ink_also_where_the_candidate_cuts_it(scale: int) -> None:
    gray = np.full((80 * scale, 80 * scale), 220, np.uint8)
    cv2.rectangle(gray, (30 * scale, 20 * scale), (42 * scale - 1, 60 * scale - 1), 30, cv2.FILLED)
    found = make_classifier_inputs([(make_pyramid(gray), (33 * scale, 23 * scale, 20 * scale, 34 * scale))])
    assert found.boxes[0] == pytest.approx([side * scale for side in (30, 20, 12, 40)], abs=1 + scale / 2)


def test_paper_without_ink_is_no_digit() -> None:
    blank = np.full((160, 160), 220, np.uint8)
    assert fake_recognizer().read([blank]) == [()]


def test_frames_of_different_sizes_keep_their_order() -> None:
    blank, small = np.full((200, 240), 220, np.uint8), draw_stroke()
    large = draw_stroke(200, 240)
    read = fake_recognizer().read([blank, small, large, small])
    assert [len(digits) for digits in read] == [0, 1, 1, 1]


def test_empty_batch_gives_no_readings() -> None:
    assert fake_recognizer().read([]) == []


def test_large_digit_is_cropped_from_a_coarser_level() -> None:
    gray = np.full((640, 640), 220, np.uint8)
    cv2.rectangle(gray, (280, 120), (360, 520), 30, cv2.FILLED)
    found = make_classifier_inputs([(make_pyramid(gray), (260, 110, 120, 420))])
    assert found.images.shape == (1, 28, 28)
    rows = np.flatnonzero(found.images[0].max(axis=1) > 0.5)
    assert rows.max() - rows.min() + 1 == 20


@pytest.mark.parametrize("box", [(-500, -500, 20, 20), (900, 900, 20, 20), (10, 10, 0, 0)])
def test_box_outside_the_frame_holds_nothing(box: tuple[float, float, float, float]) -> None:
    pyramid, inside = make_pyramid(draw_stroke()), (52, 44, 48, 48)
    found = make_classifier_inputs([(pyramid, box), (pyramid, inside)])
    assert found.has_ink.tolist() == [False, True]  # the other candidates keep their places
    assert found.boxes[0].tolist() == list(box)


@pytest.mark.parametrize(("shift_px", "count"), [(12, 1), (24, 1), (40, 2)])
def test_digit_with_two_boxes_is_read_once_and_neighbours_both(shift_px: int, count: int) -> None:
    boxes = np.array([[0, 0, 48, 48], [shift_px, 0, 48, 48]], np.float32)
    log_p = np.full((2, 11), -9.0)
    log_p[:, 7] = 0
    assert len(select_candidates(boxes, boxes, log_p)) == count


@pytest.mark.parametrize(("apart_px", "count"), [(0, 1), (2, 1), (10, 2)])
def test_slim_stroke_that_is_found_in_two_places_is_read_once(apart_px: int, count: int) -> None:
    """Its boxes hardly overlap, but hold the same ink; that of two 1s stands side by side."""
    boxes = np.array([[0, 0, 14, 35], [10, 14, 14, 35]], np.float32)
    inks = np.array([[8, 5, 5, 35], [8 + apart_px, 5, 5, 35]], np.float32)
    log_p = np.full((2, 11), -9.0)
    log_p[:, 1] = -0.1, -0.2
    assert select_candidates(boxes, inks, log_p).tolist() == list(range(count))


def test_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"detector\.onnx can't be read"):
        load_recognizer(tmp_path, backend="onnx")


@pytest.mark.parametrize(("probability", "rejected"), [(0.9, 0), (0.1, 2)])
def test_candidate_is_rejected_if_no_digit_is_probable(probability: float, rejected: int) -> None:
    evidence = np.full((2, 11), np.log(0.001))
    evidence[:, 7], evidence[:, 10] = np.log(probability), np.log(1 - probability)
    assert (~is_accepted(evidence)).sum() == rejected


def test_other_network_is_refused_as_detector() -> None:
    with pytest.raises(ValueError, match="takes other images than a detector does"):
        load_detector(MODELS / "classifier.onnx", "onnx")


def test_detector_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = FakeNetwork([0.0] * 15)  # it gave 15 maps
    monkeypatch.setattr("shared.vision.recognizer.load_network", lambda *_: earlier)
    with pytest.raises(ValueError, match="of another version: it gives 15 maps, and this program reads 16"):
        load_detector(MODELS / "detector.onnx", "onnx")
