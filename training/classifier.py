"""Trains the classifier: `python -m training.train --preset classifier`.

It writes weights, ONNX file and a confusion matrix. Each batch is part MNIST, part digits cut out of scenes, part crops
without a digit. After the training a temperature is fitted on validation crops. MNIST's test images are used once, at
the end.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.networks.architectures import save_checkpoint
from shared.networks.cards import write_checksums
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import measure_slant
from training.crops import CropSet, load_crops
from training.data import HELD_OUT
from training.export import export_layers, export_onnx, hash_recipe
from training.images import (
    LabelledImages,
    count_confusions,
    load_mnist_tensors,
    predict_logits,
    to_input,
    to_tensors,
)
from training.plots import plot_confusion
from training.scenes.fonts import fetch_hand_fonts
from training.scenes.photographs import fetch_things
from training.step_graphs import Batch
from training.trainer import Trainer, TrainingRecipe, add_options, apply_options, start_trainer

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierRecipe(TrainingRecipe):
    """AdamW with a cosine, on batches of MNIST, digits out of scenes, and other crops of scenes."""

    steps: int = 45_000
    mnist: int = 128  # images of a batch
    digits: int = 72
    others: int = 64
    scenes: int = 80_000
    weight_decay: float = 2e-2
    warm_up: float = 0.01
    min_rate: float = 0.1
    decay: float = 0.9998
    bfloat16: bool = False


VALIDATION_SCENES, VALIDATION_SEED = 1_000, 2_000_000
MAX_REJECTED = 0.001  # of MNIST's validation images: training shows more other crops than a detector proposes


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.train --preset classifier", description=__doc__)
    add_options(parser, ClassifierRecipe())
    parser.add_argument("--scenes", type=int, default=ClassifierRecipe().scenes, help="scenes that crops are cut from")
    parser.add_argument("--detector", type=Path, default=Path("models/detector.onnx"), help="proposes the crops")
    parser.add_argument(
        "--bfloat16", action="store_true", help="in convolutions: 1.7 times as fast on processors that have it"
    )
    options = parser.parse_args(words)
    recipe = apply_options(ClassifierRecipe(), options)
    if not options.detector.is_file():
        parser.error(f"{options.detector} does not exist, train it first: python -m training.train --preset detector")
    trainer = start_trainer("classifier", recipe, options)
    fetch_hand_fonts(options.data)
    fetch_things(options.data)
    data = load_data(recipe, options, trainer.device)

    def compute_loss(batch: Batch) -> Tensor:
        images, labels = batch
        with torch.autocast(trainer.device.type, torch.bfloat16, enabled=recipe.bfloat16):
            logits = trainer.network(images.contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits.float(), labels)

    trainer.fit(draw_batches(recipe, data, trainer.step), compute_loss, lambda network: evaluate(network, data))
    write_results(trainer, data, options.data)


# -------------------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierData:
    """Three training sets, and two validation sets of images that no training set shows."""

    mnist: LabelledImages
    digits: LabelledImages
    others: LabelledImages
    validation_mnist: LabelledImages
    validation_crops: LabelledImages


def load_data(recipe: ClassifierRecipe, options: argparse.Namespace, device: torch.device) -> ClassifierData:
    """Return the data on the device; crops that do not exist yet are made."""
    training = CropSet(options.data, options.detector, recipe.scenes, seed=0, mnist=slice(None, -HELD_OUT))
    validation = make_validation_set(options.data, options.detector)
    crops, validation_crops = (
        to_tensors(*load_crops(crop_set, options.workers), device) for crop_set in (training, validation)
    )
    mnist = load_mnist_tensors("train", options.data, device)
    is_digit = crops.labels < NOT_A_DIGIT
    return ClassifierData(
        mnist=mnist.select(slice(None, -HELD_OUT)),
        digits=crops.select(is_digit),
        others=crops.select(~is_digit),
        validation_mnist=mnist.select(slice(-HELD_OUT, None)),
        validation_crops=validation_crops,
    )


def make_validation_set(data: Path, detector: Path) -> CropSet:
    """Return the crops with MNIST images that no training crop shows."""
    return CropSet(data, detector, VALIDATION_SCENES, VALIDATION_SEED, mnist=slice(-HELD_OUT, None))


def draw_batches(recipe: ClassifierRecipe, data: ClassifierData, first_step: int) -> Iterator[list[Batch]]:
    """Yield a round of one batch for each step."""
    parts = ((data.mnist, recipe.mnist), (data.digits, recipe.digits), (data.others, recipe.others))
    for step in range(first_step, recipe.steps):
        # a batch depends on seed and step alone, so a resumed run sees what an unbroken one would have seen
        yield [draw_batch(parts, torch.Generator().manual_seed(recipe.seed * 10_000_000 + step))]


def draw_batch(parts: Sequence[tuple[LabelledImages, int]], random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a batch with the given count of each part, augmented; images in 0 to 1."""
    drawn = [
        part.select(torch.randint(len(part.labels), (count,), generator=random).to(part.labels.device))
        for part, count in parts
    ]
    images = to_input(torch.cat([part.images for part in drawn]))
    labels = torch.cat([part.labels for part in drawn])
    # MNIST's 1s lean where other people's stand: an upright stroke must be learned as a 1, too
    lean = torch.from_numpy(measure_slant(images[:, 0].cpu().numpy())).float() * (labels == 1).cpu()
    return augment(images, lean * torch.rand(len(lean), generator=random), random), labels


def augment(images: Tensor, upright: Tensor, random: torch.Generator) -> Tensor:
    """Return images a little turned, slanted, scaled, shifted and bent, with strokes a little softer or harder.

    upright is how much slant is taken off each image, in pixels to the right for one up.
    """
    count, device = len(images), images.device

    def spread(width: float, *shape: int) -> Tensor:
        return (torch.randn(count, *shape, generator=random) * width).to(device)

    turn, slant = spread(0.09), spread(0.1) - upright.to(device)
    wide, high = 1 + spread(0.08), 1 + spread(0.08)
    cos, sin = torch.cos(turn), torch.sin(turn)
    rows = torch.stack([cos * wide, -sin + slant, spread(0.04), sin, cos * high, spread(0.04)], dim=1)
    grid = functional.affine_grid(rows.view(count, 2, 3), list(images.shape), align_corners=False)
    bend = functional.interpolate(spread(0.03, 2, 5, 5), size=images.shape[2:], mode="bicubic", align_corners=True)
    moved = functional.grid_sample(images, grid + bend.permute(0, 2, 3, 1), align_corners=False)
    hardness = torch.exp(spread(0.25, 1, 1, 1))
    return moved.clamp(0, 1) ** hardness


# -------------------------------------------------------------------------------------------------------- evaluation


def evaluate(network: nn.Module, data: ClassifierData) -> dict[str, float]:
    """Return the accuracy on validation images and crops, and how well digits are told from other crops (AUROC)."""
    mnist, crops = (predict_logits(network, part.images) for part in (data.validation_mnist, data.validation_crops))
    labels = data.validation_crops.labels
    is_digit = labels < NOT_A_DIGIT
    score = -functional.log_softmax(crops, dim=1)[:, NOT_A_DIGIT]
    return {
        "mnist": mean(mnist.argmax(dim=1) == data.validation_mnist.labels),
        "digits": mean(crops[is_digit, :NOT_A_DIGIT].argmax(dim=1) == labels[is_digit]),
        "accepted": mean(crops[is_digit].argmax(dim=1) < NOT_A_DIGIT),
        "refused": mean(crops[~is_digit].argmax(dim=1) == NOT_A_DIGIT),
        "auroc": compute_auroc(score[is_digit], score[~is_digit]),
    }


def mean(claims: Tensor) -> float:
    return round(float(claims.float().mean()), 5)


def compute_auroc(positive: Tensor, negative: Tensor) -> float:
    """Return the probability that a positive scores higher than a negative."""
    below = torch.searchsorted(negative.sort().values, positive.contiguous())
    return round(float(below.double().mean() / len(negative)), 5)


def write_results(trainer: Trainer, data: ClassifierData, folder: Path) -> None:
    network = trainer.copy_average()
    calibration = calibrate(network, data)
    write_classifier(trainer.out, network, asdict(trainer.recipe), trainer.checks[-1] | calibration, folder)
    trainer.path.unlink(missing_ok=True)


def calibrate(network: nn.Module, data: ClassifierData) -> dict[str, float]:
    """Fold temperature and reserve into the last layer (on the CPU); return them."""
    *_, last = network.modules()
    temperature = fit_temperature(
        predict_logits(network, data.validation_crops.images.cpu()), data.validation_crops.labels.cpu()
    )
    last.load_state_dict({key: value / temperature for key, value in last.state_dict().items()})
    reserve = fit_reserve(predict_logits(network, data.validation_mnist.images.cpu()))
    with torch.no_grad():
        last.get_parameter("bias")[NOT_A_DIGIT] += reserve
    return {"temperature": temperature, "reserve": reserve}


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the divisor that makes the logits' probabilities true (Guo et al., 2017)."""
    candidates = torch.exp(torch.linspace(-1, 1, 201))
    losses = torch.stack([functional.cross_entropy(logits / t, labels) for t in candidates])
    return float(candidates[losses.argmin()])


def fit_reserve(logits: Tensor, max_rejected: float = MAX_REJECTED) -> float:
    """Return what to add to "not a digit" (0 or less), so that at most this share of these digits is rejected."""
    lead = logits[:, :NOT_A_DIGIT].amax(dim=1) - logits[:, NOT_A_DIGIT]
    return min(0.0, float(torch.quantile(lead, max_rejected)))


def write_classifier(
    out: Path, network: nn.Module, recipe: dict[str, Any], figures: dict[str, float], data: Path
) -> None:
    """Evaluate a classifier (on the CPU, in eval mode) on MNIST's test images, and write .pt, .onnx and matrix."""
    test = load_mnist_tensors("test", data)
    logits = predict_logits(network, test.images)
    figures = figures | {
        "test": mean(logits.argmax(dim=1) == test.labels),
        "test_alone": mean(logits[:, :NOT_A_DIGIT].argmax(dim=1) == test.labels),
    }
    plot_confusion(out / "classifier.confusion.png", count_confusions(logits, test.labels))
    save_checkpoint(out / "classifier.pt", "classifier", network, recipe, figures)
    facts = {
        "name": "classifier",
        "version": hash_recipe(recipe),
        "input": "float32 N x 1 x 28 x 28, 0 to 1, ink bright on black",
        "output": "logits of the digits 0 to 9 and of not a digit",
        "test_accuracy": f"{figures['test']:.4f}",
    }
    export_onnx(out / "classifier.onnx", network, to_input(test.images[:64]), facts)
    export_layers(out / "classifier.onnx")
    write_checksums(out / "classifier.md")
    print(figures)
