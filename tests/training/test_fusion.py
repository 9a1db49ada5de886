"""The fit finds which network is right, by the formula of fuse()."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from shared.vision.detection import Detections, log_softmax
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import Fusion
from training.fusion import (
    FITTED_WEIGHTS,
    LabelledCandidates,
    compute_loss,
    fit_fusion,
    label_detections,
    measure_loss,
)
from training.scenes import Scene
from training.scenes.desk import IGNORED


def make_candidates(count: int = 2000) -> LabelledCandidates:
    """Return random outputs of the detector, and logits of the classifier that are 4 / 2.5 times too large."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 11, count)
    logits = rng.normal(0, 1, (count, 11)).astype(np.float32)
    logits[np.arange(count), labels] += 2.5
    detector_log_p = log_softmax(rng.normal(0, 1, (count, 10)).astype(np.float32))
    scores, slant = rng.uniform(0.05, 0.95, count).astype(np.float32), np.zeros(count, np.float32)
    return LabelledCandidates(scores, detector_log_p, log_softmax(4 * logits), slant, labels)


def test_the_fit_weighs_the_network_that_is_right() -> None:
    torch.set_num_threads(1)
    candidates = make_candidates()
    fusion = fit_fusion(candidates)
    assert abs(fusion.detector) < 0.2
    assert fusion.detector_classes < 0.2
    assert fusion.classifier_classes == pytest.approx(2.5 / 4, rel=0.1)
    assert measure_loss(fusion, candidates) < measure_loss(Fusion(), candidates)


def test_the_fit_finds_that_upright_strokes_are_ones() -> None:
    torch.set_num_threads(1)
    candidates = make_candidates()
    is_one = candidates.labels == 1
    slant = np.where(is_one | (np.arange(len(is_one)) % 8 == 0), 0, 0.6).astype(np.float32)  # others lean mostly
    fusion = fit_fusion(replace(candidates, slant=slant))
    assert fusion.upright > 0.3 > fusion.slant * 0.4


def test_the_reported_loss_is_that_of_fuse() -> None:
    candidates = make_candidates(1)
    score, log_p, label = candidates.scores[0], candidates.classifier_log_p[0], candidates.labels[0]
    log_odds = float(np.log(score / (1 - score)) + np.logaddexp.reduce(log_p[:10]) - log_p[10])
    is_digit = label < NOT_A_DIGIT
    digit_loss = np.logaddexp(0, -log_odds if is_digit else log_odds)
    classes = log_softmax(0.5 * candidates.detector_log_p[0] + log_p[:10])
    expected = digit_loss - (classes[label] if is_digit else 0)
    assert measure_loss(Fusion(), candidates) == pytest.approx(float(expected), rel=1e-4)


def test_the_fit_minimises_the_loss_of_fuse_by_all_its_weights() -> None:
    rng = np.random.default_rng(1)
    candidates = replace(make_candidates(300), slant=rng.uniform(-0.3, 0.6, 300).astype(np.float32))
    weights = (0.9, 0.4, -3.0, -0.5, 0.3, 0.7, 0.8, 1.5)
    fusion = Fusion()
    for name, weight in zip(FITTED_WEIGHTS, weights, strict=True):
        fusion = replace(fusion, **{name: weight})  # type: ignore[arg-type]
    loss = compute_loss(torch.tensor(weights, dtype=torch.float64), candidates)
    assert float(loss) == pytest.approx(measure_loss(fusion, candidates), rel=1e-4)


def test_a_detection_is_labelled_by_its_scene() -> None:
    boxes = np.array([[10, 10, 20, 40], [60, 10, 20, 40], [60, 60, 20, 20]], np.float32)
    scene = Scene(np.zeros((96, 96), np.uint8), boxes, np.array([4, IGNORED, NOT_A_DIGIT], np.int64))
    detected = np.array([[11, 9, 20, 40], [61, 12, 20, 40], [60, 60, 20, 20], [5, 70, 10, 20]], np.float32)
    detections = Detections(detected, np.full(4, 0.5, np.float32), np.zeros((4, 10), np.float32))
    assert label_detections(scene, detections).tolist() == [4, IGNORED, NOT_A_DIGIT, NOT_A_DIGIT]
