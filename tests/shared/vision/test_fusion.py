"""The evidence of both networks adds up: agreement counts more than one network, and a confident "no" overrules."""

from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.detection import Detections, log_softmax
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import Calibration, ClassifierOutput, Fusion, fuse, judge_neighbours


def detected(score: float, digit: int) -> Detections:
    logits = np.zeros((1, 10), np.float32)
    logits[0, digit] = 3
    return Detections(np.zeros((1, 4), np.float32), np.array([score], np.float32), log_softmax(logits))


def classified(label: int, logit: float = 4, slant: float = 0) -> ClassifierOutput:
    logits = np.zeros((1, 11), np.float32)
    logits[0, label] = logit
    box, paper = np.zeros((1, 4), np.float32), np.full(1, 200, np.float32)
    return ClassifierOutput(log_softmax(logits), np.array([slant], np.float32), box, paper)


def digit_log_odds(fusion: Fusion, label: int, slant: float, *, bare_ones: bool = False) -> float:
    log_p = fuse(fusion, detected(0.6, label), classified(label, slant=slant), np.array([bare_ones]))[0]
    return float(np.logaddexp.reduce(log_p[:NOT_A_DIGIT]) - log_p[NOT_A_DIGIT])


def test_probabilities_sum_to_one() -> None:
    assert np.exp(fuse(Fusion(), detected(0.6, 3), classified(5))).sum() == pytest.approx(1)


def test_agreement_counts_more_than_either_network() -> None:
    both = fuse(Fusion(), detected(0.8, 3), classified(3))[0]
    detector_alone = fuse(Fusion(), detected(0.8, 3), classified(NOT_A_DIGIT))[0]
    classifier_alone = fuse(Fusion(), detected(0.1, 3), classified(3))[0]
    assert both[3] > max(detector_alone[3], classifier_alone[3])


def test_confident_rejection_overrules_a_high_score() -> None:
    assert fuse(Fusion(), detected(0.9, 3), classified(NOT_A_DIGIT, 12))[0].argmax() == NOT_A_DIGIT


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_extreme_score_stays_finite(score: float) -> None:
    assert np.isfinite(fuse(Fusion(), detected(score, 3), classified(3))).all()


@pytest.mark.parametrize(("slant", "label", "cost"), [(0.7, 1, 1.5), (0.7, 7, 0), (0.15, 1, 0), (-0.7, 1, 0)])
def test_slant_of_a_slash_counts_against_ones_only(slant: float, label: int, cost: float) -> None:
    fusion = Fusion(slant=-3)
    assert digit_log_odds(fusion, label, 0) - digit_log_odds(fusion, label, slant) == pytest.approx(cost, abs=0.1)


@pytest.mark.parametrize(("slant", "label", "gain"), [(0.15, 1, 0.5), (-0.5, 1, 0.5), (0.3, 1, 0), (0.1, 7, 0)])
def test_upright_stroke_counts_for_a_one(slant: float, label: int, gain: float) -> None:
    upright, neutral = (digit_log_odds(Fusion(upright=weight), label, slant) for weight in (0.5, 0))
    assert upright - neutral == pytest.approx(gain, abs=0.02)


@pytest.mark.parametrize(("slant", "label", "gain"), [(0, 1, 2), (0.3, 1, 3), (0, 7, 0), (0.5, 1, 2)])
def test_bare_stroke_counts_for_a_one_where_only_digits_are_written(slant: float, label: int, gain: float) -> None:
    fusion = Fusion(slant=-10)
    bare, plain = (digit_log_odds(fusion, label, slant, bare_ones=bare_ones) for bare_ones in (True, False))
    assert bare - plain == pytest.approx(gain, abs=0.15)


def test_doubt_about_the_class_counts_against_a_digit() -> None:
    agreed, torn = (fuse(Fusion(doubt=2), detected(0.6, 3), classified(label))[0] for label in (3, 5))
    plain = fuse(Fusion(), detected(0.6, 3), classified(5))[0]
    assert agreed[NOT_A_DIGIT] < torn[NOT_A_DIGIT]
    class_p = np.exp(plain[:NOT_A_DIGIT].max() - np.logaddexp.reduce(plain[:NOT_A_DIGIT]))
    odds, doubted = (np.logaddexp.reduce(one[:NOT_A_DIGIT]) - one[NOT_A_DIGIT] for one in (plain, torn))
    assert odds - doubted == pytest.approx(-2 * np.log(class_p), abs=1e-6)


def test_calibration_moves_the_log_odds_and_keeps_the_class() -> None:
    raw, calibrated = (digit_log_odds(Fusion(calibration=each), 3, 0) for each in (Calibration(), Calibration(2, -0.5)))
    assert calibrated == pytest.approx(2 * raw - 0.5)
    log_p = fuse(Fusion(calibration=Calibration(2, -0.5)), detected(0.6, 3), classified(3))[0]
    assert log_p.argmax() == 3
    assert np.exp(log_p).sum() == pytest.approx(1)


def line_up(odds: list[float], size_px: float = 20, step_px: float = 30) -> NDArray[np.float64]:
    """Return judge_neighbours() of candidates on one line, from left to right."""
    boxes = np.array([(step_px * place, 0, size_px / 2, size_px) for place in range(len(odds))], np.float32)
    return judge_neighbours(boxes, np.full(len(odds), 200, np.float32), np.array(odds))


def test_candidate_among_digits_is_more_probable_and_one_in_a_word_less() -> None:
    among_digits, in_a_word, alone = line_up([0, 3, 3])[0], line_up([0, -3, -3])[0], line_up([0])[0]
    assert among_digits > alone + 0.5
    assert in_a_word < alone - 0.5
    assert alone == pytest.approx(np.log(2))


def test_one_neighbour_says_less_than_many() -> None:
    assert line_up([0])[0] < line_up([0, 3])[0] < line_up([0, *[3] * 5])[0]


@pytest.mark.parametrize(
    "far",
    [(30, 0, 10, 70), (410, 0, 10, 20), (30, 45, 10, 20)],  # of another size, beyond the line's reach, two lines below
)
def test_what_stands_elsewhere_says_nothing(far: tuple[int, ...]) -> None:
    boxes = np.array([(0, 0, 10, 20), far], np.float32)
    papers = np.full(2, 200, np.float32)
    assert judge_neighbours(boxes, papers, np.array([0.0, 5.0])) == pytest.approx(line_up([0])[0])


@pytest.mark.parametrize(
    ("paper", "is_heard"), [(60, False), (150, True), (255, True)]
)  # of the desk, a shadow, a glare
def test_digits_of_a_sheet_say_nothing_of_a_thing_on_the_desk(paper: float, is_heard: bool) -> None:
    boxes = np.array([(0, 0, 10, 20), (30, 0, 10, 20)], np.float32)
    heard = judge_neighbours(boxes, np.array([paper, 200], np.float32), np.array([0.0, 5.0]))[0]
    assert (heard > line_up([0])[0] + 0.1) == is_heard


def test_neighbours_are_those_of_the_same_frame() -> None:
    pair = Detections(*(np.repeat(part, 2, axis=0) for part in astuple(detected(0.6, 3))))
    pair.boxes[:, 2:] = 20
    output = ClassifierOutput(*(np.repeat(part, 2, axis=0) for part in astuple(classified(3))))
    fusion = Fusion(beside=2)
    together, apart = (fuse(fusion, pair, output, counts=counts) for counts in ([2], [1, 1]))
    alone = fuse(fusion, detected(0.6, 3), classified(3))
    assert apart == pytest.approx(np.repeat(alone, 2, axis=0))
    assert together[0, NOT_A_DIGIT] < alone[0, NOT_A_DIGIT]
