"""Fits how much the detector's and the classifier's evidence count: `python -m training.fusion` prints the six numbers.

On scenes of MNIST training images that neither network was trained on. Found by a logistic regression: the
digit-or-not odds from both and from how far a 1 leans, and the class from both.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from shared.vision.detection import Detections, detect_batch, make_pyramid
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.fusion import MAX_SLANT, ClassifierOutput, Fusion, fuse
from shared.vision.recognizer import FrameRecognizer, load_recognizer
from training.data import HELD_OUT
from training.detector import best_overlaps
from training.scenes import Scene, make_scene
from training.scenes.glyphs import Sources, load_sources

SEED = 30_000_000
LEAST_HEAT = 0.1  # candidates colder than any that the classifier is asked about add nothing
ROUNDS = 100
FITTED_WEIGHTS = ("detector", "classifier", "slant", "bias", "detector_classes", "classifier_classes")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence about n candidates: heat, the detector's classes (n x 10), the classifier's (n x 11), lean, truth."""

    heat: NDArray[np.float32]
    found: NDArray[np.float32]
    read: NDArray[np.float32]
    lean: NDArray[np.float32]
    truth: NDArray[np.int64]


def main(words: list[str] | None = None) -> None:
    """Fit, and print."""
    parser = argparse.ArgumentParser(prog="python -m training.fusion", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--scenes", type=int, default=1500)
    arguments = parser.parse_args(words)
    classifier = load_recognizer(arguments.models, "onnx")
    sources = load_sources(arguments.data, slice(-HELD_OUT, None))
    evidence = gather(classifier, sources, arguments.scenes)
    print(f"{len(evidence.truth)} candidates, {np.mean(evidence.truth < NOT_A_DIGIT):.1%} of them digits")
    fusion = fit(evidence)
    for name, candidate in (("equal weights", Fusion()), ("fitted", fusion)):
        print(f"{name}: loss {loss_of(candidate, evidence):.4f}  {candidate}")


def gather(classifier: FrameRecognizer, sources: Sources, scenes: int) -> Evidence:
    """Return the evidence about all candidates of so many scenes, where the scene leaves no doubt."""
    rng, parts = np.random.default_rng(SEED), []
    for _ in range(scenes):
        scene = make_scene(rng, sources, numbers=int(rng.integers(2)))
        pyramid = make_pyramid(scene.picture)
        finds = detect_batch(classifier.detector, [pyramid], LEAST_HEAT)[0]
        truth = truth_of(scene, finds)
        output = classifier.classify([pyramid], [finds])
        parts.append([part[truth >= 0] for part in (finds.scores, finds.log_p, output.log_p, output.slant, truth)])
    return Evidence(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def truth_of(scene: Scene, finds: Detections) -> NDArray[np.int64]:
    """Return what each candidate is: its digit, NOT_A_DIGIT, or -1 where the scene itself leaves it open."""
    truth = np.full(len(finds.boxes), NOT_A_DIGIT, np.int64)
    is_digit = scene.labels < NOT_A_DIGIT
    hits = best_overlaps(finds.boxes, scene.boxes[is_digit], least=0.2)
    truth[hits >= 0] = scene.labels[is_digit][hits[hits >= 0]]
    return truth


def fit(evidence: Evidence) -> Fusion:
    """Return the weights with the least loss."""
    weights = torch.tensor(
        [getattr(Fusion(), name) for name in FITTED_WEIGHTS], dtype=torch.float64, requires_grad=True
    )
    optimiser = torch.optim.LBFGS([weights], max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def step() -> float:
        optimiser.zero_grad()
        value = loss(weights, evidence)
        torch.autograd.backward(value)
        return float(value.detach())

    optimiser.step(step)  # type: ignore[no-untyped-call]
    return Fusion(**dict(zip(FITTED_WEIGHTS, (round(value, 3) for value in weights.tolist()), strict=True)))


def loss(weights: Tensor, evidence: Evidence) -> Tensor:
    """Return the mean negative logarithm of what the truth was given; the same formula as fuse()."""
    by_heat, by_shape, by_lean, bias, by_found, by_read = weights
    parts = (evidence.heat, evidence.found, evidence.read, evidence.lean, evidence.truth)
    heat, found, read, lean, truth = map(torch.from_numpy, parts)
    is_digit = truth < NOT_A_DIGIT
    shape = torch.logsumexp(read[:, :NOT_A_DIGIT], dim=1) - read[:, NOT_A_DIGIT]
    classes = (by_found * found + by_read * read[:, :NOT_A_DIGIT]).double()
    leaning_one = functional.relu(lean.double() - MAX_SLANT) * functional.softmax(classes, dim=1)[:, 1]
    odds = by_heat * torch.logit(heat.double(), eps=1e-6) + by_shape * shape.double() + by_lean * leaning_one + bias
    either = functional.binary_cross_entropy_with_logits(odds, is_digit.double())
    return either + functional.cross_entropy(classes[is_digit], truth[is_digit], reduction="sum") / len(truth)


def loss_of(fusion: Fusion, evidence: Evidence) -> float:
    """Return the mean loss of what fuse() says, the code that reads pages."""
    count = len(evidence.truth)
    finds = Detections(np.zeros((count, 4), np.float32), evidence.heat, evidence.found)
    log_p = fuse(fusion, finds, ClassifierOutput(evidence.read, evidence.lean))
    return float(-log_p[np.arange(count), evidence.truth].mean())


if __name__ == "__main__":
    main()
