"""Two networks' evidence is added: what both say counts more than what one says, and a sure no refuses."""

import numpy as np
import pytest

from shared.vision.detection import Detections, log_softmax
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import ClassifierOutput, Fusion, fuse


def candidate(heat: float, label: int) -> Detections:
    logits = np.zeros((1, 10), np.float32)
    logits[0, label] = 3
    return Detections(np.zeros((1, 4), np.float32), np.array([heat], np.float32), log_softmax(logits))


def shape(label: int, strength: float = 4, lean: float = 0) -> ClassifierOutput:
    logits = np.zeros((1, 11), np.float32)
    logits[0, label] = strength
    return ClassifierOutput(log_softmax(logits), np.array([lean], np.float32))


def test_evidence_is_a_probability() -> None:
    assert np.exp(fuse(Fusion(), candidate(0.6, 3), shape(5))).sum() == pytest.approx(1)


def test_both_witnesses_count_for_a_digit() -> None:
    both = fuse(Fusion(), candidate(0.8, 3), shape(3))[0]
    by_heat_alone = fuse(Fusion(), candidate(0.8, 3), shape(NOT_A_DIGIT))[0]
    by_shape_alone = fuse(Fusion(), candidate(0.1, 3), shape(3))[0]
    assert both[3] > max(by_heat_alone[3], by_shape_alone[3])


def test_a_sure_no_of_the_reader_refuses_a_hot_cell() -> None:
    assert fuse(Fusion(), candidate(0.9, 3), shape(NOT_A_DIGIT, 12))[0].argmax() == NOT_A_DIGIT


@pytest.mark.parametrize("heat", [0.0, 1.0])
def test_extreme_heat_stays_finite(heat: float) -> None:
    assert np.isfinite(fuse(Fusion(), candidate(heat, 3), shape(3))).all()


@pytest.mark.parametrize(("lean", "label", "cost"), [(0.7, 1, 1.5), (0.7, 7, 0), (0.15, 1, 0), (-0.7, 1, 0)])
def test_leaning_as_a_slash_counts_against_a_one_alone(lean: float, label: int, cost: float) -> None:
    def log_odds(by: float) -> float:
        log_p = fuse(Fusion(lean=-3), candidate(0.6, label), shape(label, lean=by))[0]
        return float(np.logaddexp.reduce(log_p[:NOT_A_DIGIT]) - log_p[NOT_A_DIGIT])

    assert log_odds(0) - log_odds(lean) == pytest.approx(cost, abs=0.1)


@pytest.mark.parametrize(("lean", "label", "gain"), [(0.15, 1, 0.5), (-0.5, 1, 0.5), (0.3, 1, 0), (0.1, 7, 0)])
def test_stroke_that_stands_upright_is_rather_a_one(lean: float, label: int, gain: float) -> None:
    def log_odds(upright: float) -> float:
        log_p = fuse(Fusion(upright=upright), candidate(0.6, label), shape(label, lean=lean))[0]
        return float(np.logaddexp.reduce(log_p[:NOT_A_DIGIT]) - log_p[NOT_A_DIGIT])

    assert log_odds(0.5) - log_odds(0) == pytest.approx(gain, abs=0.02)
