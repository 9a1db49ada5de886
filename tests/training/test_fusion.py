"""The fit of both networks' weights: it finds who can be believed, by the formula that reads pages."""

import numpy as np
import pytest
import torch

from shared.vision.detection import Detections, log_softmax
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import Fusion
from training.fusion import Evidence, fit, loss_of, truth_of
from training.scenes import Scene
from training.scenes.desk import IGNORED


def witnesses(count: int = 2000) -> Evidence:
    """A detector that says nothing, and a classifier who is too sure: it says 4 times what it should say 2.5 times."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 11, count)
    logits = rng.normal(0, 1, (count, 11)).astype(np.float32)
    logits[np.arange(count), truth] += 2.5
    found = log_softmax(rng.normal(0, 1, (count, 10)).astype(np.float32))
    heat, lean = rng.uniform(0.05, 0.95, count).astype(np.float32), np.zeros(count, np.float32)
    return Evidence(heat, found, log_softmax(4 * logits), lean, truth)


def test_the_fit_believes_the_witness_who_knows() -> None:
    torch.set_num_threads(1)
    evidence = witnesses()
    fusion = fit(evidence)
    assert abs(fusion.detector) < 0.2
    assert fusion.detector_classes < 0.2
    assert fusion.classifier_classes == pytest.approx(2.5 / 4, rel=0.1)
    assert loss_of(fusion, evidence) < loss_of(Fusion(), evidence)


def test_the_reported_loss_is_that_of_the_code_that_reads() -> None:
    evidence = witnesses(1)
    heat, read, truth = evidence.heat[0], evidence.read[0], evidence.truth[0]
    log_odds = float(np.log(heat / (1 - heat)) + np.logaddexp.reduce(read[:10]) - read[10])
    is_digit = truth < NOT_A_DIGIT
    either = np.logaddexp(0, -log_odds if is_digit else log_odds)
    classes = log_softmax(0.5 * evidence.found[0] + read[:10])
    expected = either - (classes[truth] if is_digit else 0)
    assert loss_of(Fusion(), evidence) == pytest.approx(float(expected), rel=1e-4)


def test_a_candidate_is_what_the_scene_says() -> None:
    boxes = np.array([[10, 10, 20, 40], [60, 10, 20, 40], [60, 60, 20, 20]], np.float32)
    scene = Scene(np.zeros((96, 96), np.uint8), boxes, np.array([4, IGNORED, NOT_A_DIGIT], np.int64))
    found = np.array([[11, 9, 20, 40], [61, 12, 20, 40], [60, 60, 20, 20], [5, 70, 10, 20]], np.float32)
    finds = Detections(found, np.full(4, 0.5, np.float32), np.zeros((4, 10), np.float32))
    assert truth_of(scene, finds).tolist() == [4, IGNORED, NOT_A_DIGIT, NOT_A_DIGIT]
