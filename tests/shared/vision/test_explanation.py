"""Explanations agree with readings (shipped networks, demo pictures), and their sentences name the reason."""

import cv2
import numpy as np
import pytest

from shared.demo import DemoCamera
from shared.networks.detector_channels import STRIDE_PX
from shared.settings import MODELS
from shared.vision.detection import make_pyramid
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.explanation import explain_place, make_heatmap
from shared.vision.explanation_text import ExplainedPlace, describe_place
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
        assert explanation.sentences[0] == f"Read as {digit.digit}."
        assert explanation.image is not None
        assert explanation.image.shape == (28, 28)
        assert (len(explanation.detector), len(explanation.classifier)) == (10, 11)


def test_place_without_a_candidate_is_explained(recognizer: FrameRecognizer) -> None:
    explanation = explain_place(recognizer, np.full((480, 640), 200, np.uint8), 300, 200)
    assert (explanation.box, explanation.image, explanation.fused, explanation.is_digit) == (None, None, (), False)
    assert explanation.sentences[0].startswith("The detector sees no digit here: its score is ")


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


def shares(**given: float) -> tuple[float, ...]:
    """Eleven probabilities: those given by d0 to d9 and none; the rest is shared."""
    values = {NOT_A_DIGIT if name == "none" else int(name[1:]): share for name, share in given.items()}
    rest = (1 - sum(values.values())) / (11 - len(values))
    return tuple(values.get(i, rest) for i in range(11))


INSIDE = (100.0, 100.0, 40.0, 60.0)


@pytest.mark.parametrize(
    ("box", "score", "has_ink", "classifier", "fused", "is_digit", "sentences"),
    [
        (INSIDE, 0.98, True, {"d7": 0.99}, {"d7": 0.98}, True, ["Read as 7."]),
        (
            INSIDE,
            0.3,
            True,
            {"d1": 0.1, "none": 0.88},
            {"none": 0.9},
            False,
            ["that it is no digit (90\N{NO-BREAK SPACE}%)", "letter"],
        ),
        (INSIDE, 0.9, False, {"none": 0.99}, {"none": 0.8}, False, ["too faint"]),
        ((0.0, 100.0, 40.0, 60.0), 0.6, True, {"d4": 0.9}, {"none": 0.6}, False, ["touches the edge"]),
        ((100.0, 430.0, 40.0, 60.0), 0.6, True, {"d4": 0.9}, {"none": 0.6}, False, ["touches the edge"]),
        ((100.0, 100.0, 6.0, 9.0), 0.6, True, {"d4": 0.9}, {"none": 0.6}, False, ["too small: 9 pixels"]),
        (INSIDE, 0.9, True, {"d4": 0.5}, {"d4": 0.45, "d9": 0.4}, False, ["no single digit", "also be 9: 40"]),
        (INSIDE, 0.9, True, {"d4": 0.9}, {"d4": 0.9}, False, ["part of a digit that is shown next to it"]),
    ],
)
def test_explanation_says_what_decided(  # noqa: PLR0917 - a row of the table
    box: tuple[float, float, float, float],
    score: float,
    has_ink: bool,
    classifier: dict[str, float],
    fused: dict[str, float],
    is_digit: bool,
    sentences: list[str],
) -> None:
    place = ExplainedPlace(
        shape=(480, 640),
        box=box,
        score=score,
        has_ink=has_ink,
        classifier=shares(**classifier),
        fused=shares(**fused),
        is_digit=is_digit,
    )
    described = " ".join(describe_place(place))
    assert all(sentence in described for sentence in sentences), described
