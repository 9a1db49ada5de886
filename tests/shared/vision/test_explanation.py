"""Explanations agree with readings, with the shipped networks on pictures of the demo camera."""

import cv2
import numpy as np
import pytest

from shared.demo.camera import DemoCamera
from shared.networks.detector_channels import STRIDE_PX
from shared.settings import MODELS
from shared.vision.detection import MIN_SCORE, make_pyramid
from shared.vision.explanation import explain_place, make_heatmap
from shared.vision.gray_frame import Gray, as_uint8, make_gray_frame
from shared.vision.recognizer import FrameRecognizer, load_recognizer


@pytest.fixture(scope="module")
def recognizer() -> FrameRecognizer:
    return load_recognizer(MODELS, "onnx", "cpu")


@pytest.fixture(scope="module")
def gray() -> Gray:
    """The demo's first sheet, with a 30 on it."""
    return make_gray_frame(DemoCamera(0).render(1.5)[0])[0]


def test_explanation_agrees_with_the_reading_of_every_digit(recognizer: FrameRecognizer, gray: Gray) -> None:
    digits = recognizer.read([gray])[0]
    assert digits
    for digit in digits:
        x, y, width, height = digit.box
        explanation = explain_place(recognizer, gray, x + width / 2, y + height / 2)
        assert explanation.is_digit
        assert explanation.box == digit.box
        assert explanation.fused == pytest.approx(tuple(np.exp(digit.log_p)), abs=1e-6)
        assert int(np.argmax(explanation.fused)) == digit.digit
        assert explanation.image is not None
        assert explanation.image.shape == (28, 28)
        assert (len(explanation.detector), len(explanation.classifier)) == (10, 11)


def test_place_without_a_candidate_is_explained(recognizer: FrameRecognizer) -> None:
    explanation = explain_place(recognizer, np.full((480, 640), 200, np.uint8), 300, 200)
    assert (explanation.box, explanation.image, explanation.fused, explanation.is_digit) == (None, None, (), False)
    assert 0 < explanation.score < MIN_SCORE


def test_ink_that_the_detector_passed_over_has_a_crop_to_correct(recognizer: FrameRecognizer) -> None:
    gray = as_uint8(cv2.line(np.full((480, 640), 230, np.uint8), (270, 200), (340, 204), 40, 4, cv2.LINE_AA))
    explanation = explain_place(recognizer, gray, 300, 205)
    assert explanation.box == pytest.approx((268, 198, 75, 9), abs=4)
    assert explanation.image is not None
    assert (len(explanation.classifier), explanation.fused, explanation.is_digit) == (11, (), False)


@pytest.mark.parametrize("size", [(480, 640), (97, 131), (64, 64), (30, 500)])
def test_heatmap_covers_a_frame_of_any_size(recognizer: FrameRecognizer, size: tuple[int, int]) -> None:
    heatmap = make_heatmap(recognizer, make_pyramid(np.full(size, 220, np.uint8)))
    assert heatmap.shape == (-(-size[0] // STRIDE_PX), -(-size[1] // STRIDE_PX))
    assert 0 <= heatmap.min() <= heatmap.max() <= 1


def test_heatmap_peaks_at_the_digit(recognizer: FrameRecognizer) -> None:
    gray = as_uint8(
        cv2.putText(np.full((480, 640), 230, np.uint8), "7", (420, 300), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 40, 3)
    )
    row, column = np.unravel_index(make_heatmap(recognizer, make_pyramid(gray)).argmax(), (60, 80))
    assert 250 < STRIDE_PX * row < 310
    assert 410 < STRIDE_PX * column < 460
