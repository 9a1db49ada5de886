"""Fits the weights of the detector's and the classifier's evidence: `python -m training.fusion` prints them.

The scenes show MNIST training images that neither network was trained on. The fit is a logistic regression of "a digit"
on the log-odds of both networks and the slant of a 1, and of the class on the logits of both.

Six numbers are then fitted on labelled photographs: the cost of a slanted 1, the bonus of an upright one, the cost of a
doubtful class, the weight of what stands beside a candidate, and the slope and offset that turn these log-odds into
confidences that hold on paper. What counts is the loss on sources that the slope and offset did not see.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from digitcam.multi_scale import SCALES, read_at_scales
from shared.vision.detection import Detections, detect_batch, make_pyramid
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import FITTED, MAX_SLANT, Calibration, ClassifierOutput, Fusion, fuse
from shared.vision.recognizer import FrameRecognizer, load_recognizer
from training.data import HELD_OUT
from training.detector import match_boxes
from training.evaluate.calibration import (
    MIN_EVIDENCE_LOG_P,
    Evidence,
    collect_evidence,
    fit_calibration,
    measure_calibration,
    measure_held_out_loss,
)
from training.evaluate.frames import read_once
from training.scenes import Scene, make_scene
from training.scenes.glyphs import Sources, load_sources

SEED = 30_000_000
MIN_SCORE = 0.1  # candidates below are not shown to the classifier, and add nothing
MAX_ROUNDS = 100
SLANTS = (-3.0, -6.0, -9.0, -12.0)
UPRIGHTS = (0.0, 0.4, 0.7, 1.0, 1.3, 1.6)
DOUBTS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)
BESIDES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
TOLERANCE = 2.0  # in nats: the smallest weights whose loss is as good as the least are taken
FITTED_WEIGHTS = (
    "detector",
    "classifier",
    "slant",
    "bias",
    "detector_classes",
    "classifier_classes",
    "upright",
    "doubt",
)


@dataclass(frozen=True, slots=True)
class LabelledCandidates:
    """The outputs of both networks for n candidates, and their labels (0 to 10)."""

    scores: NDArray[np.float32]  # of the detector
    detector_log_p: NDArray[np.float32]  # n x 10
    classifier_log_p: NDArray[np.float32]  # n x 11
    slant: NDArray[np.float32]
    labels: NDArray[np.int64]


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.fusion", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--scenes", type=int, default=1500)
    parser.add_argument(
        "--photographs", type=Path, nargs="*", default=[], metavar="FOLDER", help="as training.evaluate takes them"
    )
    options = parser.parse_args(words)
    recognizer = load_recognizer(options.models, "onnx")
    sources = load_sources(options.data, slice(-HELD_OUT, None))
    candidates = make_candidates(recognizer, sources, options.scenes)
    print(f"{len(candidates.labels)} candidates, {np.mean(candidates.labels < NOT_A_DIGIT):.1%} of them digits")
    fitted = fit_fusion(candidates)
    for name, fusion in (("default weights", Fusion()), ("fitted", fitted)):
        print(f"{name}: loss {measure_loss(fusion, candidates):.4f}  {fusion}")
    if options.photographs:
        for name, weights in (("shipped weights", FITTED), ("fitted", fitted)):
            print(f"{name}, on photographs:")
            chosen = fit_to_photographs(replace(recognizer, fusion=weights), options.photographs)
            fit_average(chosen, options.photographs)


def fit_to_photographs(recognizer: FrameRecognizer, folders: Sequence[Path]) -> FrameRecognizer:
    """Print the loss on sources left out for each choice, and what is chosen; return the recognizer with it."""

    def collect(fusion: Fusion) -> Evidence:
        lenient = replace(recognizer, fusion=fusion, min_log_p=MIN_EVIDENCE_LOG_P)
        return collect_evidence(partial(read_once, lenient), fusion.calibration, folders)

    plain = replace(recognizer.fusion, doubt=0.0, beside=0.0, calibration=Calibration())
    tried: list[tuple[float, Fusion, Evidence]] = []
    for slant, upright in product(SLANTS, UPRIGHTS):
        fusion = replace(plain, slant=slant, upright=upright)
        evidence = collect(fusion)
        for doubt in DOUBTS:
            doubted = replace(evidence, odds=evidence.odds + doubt * np.log(evidence.class_p))
            tried.append((measure_held_out_loss(doubted), replace(fusion, doubt=doubt), doubted))
        losses = ", ".join(f"{loss:.1f}" for loss, *_ in tried[-len(DOUBTS) :])
        print(f"slant {slant}, upright {upright}: losses {losses} for doubts of {DOUBTS}", flush=True)
    fusion, evidence = choose_simplest(tried)
    tried = []
    for beside in BESIDES:
        found = collect(replace(fusion, beside=beside))
        tried.append((measure_held_out_loss(found), replace(fusion, beside=beside), found))
        print(f"beside {beside}: loss {tried[-1][0]:.1f}", flush=True)
    fusion, evidence = choose_simplest(tried)
    fusion = replace(fusion, calibration=fit_calibration(evidence))
    print(f"fitted: {fusion}")
    print_calibration(evidence, fusion.calibration)
    return replace(recognizer, fusion=fusion)


def choose_simplest(tried: Sequence[tuple[float, Fusion, Evidence]]) -> tuple[Fusion, Evidence]:
    """Return the first choice whose loss is as good as the least."""
    least = min(loss for loss, *_ in tried)
    return next((fusion, evidence) for loss, fusion, evidence in tried if loss <= least + TOLERANCE)


def fit_average(recognizer: FrameRecognizer, folders: Sequence[Path]) -> None:
    """Print the calibration of a still picture's mean over several sizes."""
    lenient = replace(recognizer, min_log_p=MIN_EVIDENCE_LOG_P)
    evidence = collect_evidence(partial(read_at_scales, lenient, calibration=Calibration()), Calibration(), folders)
    calibration = fit_calibration(evidence)
    print(f"mean over {len(SCALES)} sizes: {calibration}")
    print_calibration(evidence, calibration)


def print_calibration(evidence: Evidence, calibration: Calibration) -> None:
    for figure in measure_calibration("photographs", "fitted", evidence, calibration):
        print(f"{figure.metric}: {figure.format_value()}")


def make_candidates(recognizer: FrameRecognizer, sources: Sources, scenes: int) -> LabelledCandidates:
    """Return the candidates in new scenes, without those whose label is unknown."""
    rng, parts = np.random.default_rng(SEED), []
    for _ in range(scenes):
        scene = make_scene(rng, sources, numbers=int(rng.integers(2)))
        pyramid = make_pyramid(scene.picture)
        detections = detect_batch(recognizer.detector, [pyramid], MIN_SCORE)[0]
        output = recognizer.classify([pyramid], [detections])
        labels = label_detections(scene, detections)
        arrays = (detections.scores, detections.log_p, output.log_p, output.slant, labels)
        parts.append([array[labels >= 0] for array in arrays])
    return LabelledCandidates(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def label_detections(scene: Scene, detections: Detections) -> NDArray[np.int64]:
    """Return the digit at each detection, NOT_A_DIGIT, or -1 if the label is unknown."""
    labels = np.full(len(detections.boxes), NOT_A_DIGIT, np.int64)
    is_digit = scene.labels < NOT_A_DIGIT
    matches = match_boxes(detections.boxes, scene.boxes[is_digit], min_iou=0.2)
    labels[matches >= 0] = scene.labels[is_digit][matches[matches >= 0]]
    return labels


def fit_fusion(candidates: LabelledCandidates) -> Fusion:
    """Return the fusion with the least loss."""
    weights = torch.tensor(
        [getattr(Fusion(), name) for name in FITTED_WEIGHTS], dtype=torch.float64, requires_grad=True
    )
    optimiser = torch.optim.LBFGS([weights], max_iter=MAX_ROUNDS, line_search_fn="strong_wolfe")

    def step() -> float:
        optimiser.zero_grad()
        loss = compute_loss(weights, candidates)
        torch.autograd.backward(loss)
        return float(loss.detach())

    optimiser.step(step)  # type: ignore[no-untyped-call]
    return Fusion(**dict(zip(FITTED_WEIGHTS, (round(value, 3) for value in weights.tolist()), strict=True)))


def compute_loss(weights: Tensor, candidates: LabelledCandidates) -> Tensor:
    """Return the mean negative log-likelihood, by the formula of fuse()."""
    detector, classifier, slant, bias, detector_classes, classifier_classes, upright, doubt = weights
    labels = torch.from_numpy(candidates.labels)
    is_digit = labels < NOT_A_DIGIT
    log_p = torch.from_numpy(candidates.classifier_log_p)
    classifier_odds = torch.logsumexp(log_p[:, :NOT_A_DIGIT], dim=1) - log_p[:, NOT_A_DIGIT]
    detector_log_p = torch.from_numpy(candidates.detector_log_p)
    classes = (detector_classes * detector_log_p + classifier_classes * log_p[:, :NOT_A_DIGIT]).double()
    excess = functional.relu(torch.from_numpy(candidates.slant).double() - MAX_SLANT)
    stroke = torch.where(excess > 0, slant * excess, upright) * functional.softmax(classes, dim=1)[:, 1]
    detector_odds = torch.logit(torch.from_numpy(candidates.scores).double(), eps=1e-6)
    odds = detector * detector_odds + classifier * classifier_odds.double() + stroke + bias
    odds = odds + doubt * functional.log_softmax(classes, dim=1).max(dim=1).values
    digit_loss = functional.binary_cross_entropy_with_logits(odds, is_digit.double())
    return digit_loss + functional.cross_entropy(classes[is_digit], labels[is_digit], reduction="sum") / len(labels)


def measure_loss(fusion: Fusion, candidates: LabelledCandidates) -> float:
    """Return the mean loss of fuse(), which the pipeline uses."""
    count = len(candidates.labels)
    boxes, papers = np.zeros((count, 4), np.float32), np.zeros(count, np.float32)  # they are no evidence
    detections = Detections(boxes, candidates.scores, candidates.detector_log_p)
    log_p = fuse(fusion, detections, ClassifierOutput(candidates.classifier_log_p, candidates.slant, boxes, papers))
    return float(-log_p[np.arange(count), candidates.labels].mean())


if __name__ == "__main__":
    main()
