"""Trains the classifier: `python -m training.classifier` gives weights, ONNX file and pictures.

Each batch is part MNIST, part digits cut out of scenes, part what is no digit. The weights' mean over the last steps is
what is shipped, its temperature set on held-out crops; MNIST's test images are looked at once, at the end.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from shared.networks.architectures import ClassifierCNN, load_checkpoint, save_checkpoint
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import measure_slant
from training.average import start_mean
from training.crops import Order, load_crops
from training.data import HELD_OUT, load_mnist
from training.export import export_layers, export_onnx, hash_recipe
from training.plots import plot_confusion
from training.resume import Stateful, keep, restore
from training.scenes.fonts import fetch_hand_fonts
from training.scenes.photographs import fetch_things

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class ClassifierRecipe:
    """How the classifier is trained: AdamW with a cosine, on batches of MNIST, digits out of scenes, and non-digits."""

    steps: int = 9_000
    mnist: int = 128
    digits: int = 72
    others: int = 48
    scenes: int = 16_000
    learning_rate: float = 3e-3
    weight_decay: float = 2e-2
    warm_up: int = 200
    average: float = 0.999
    bfloat16: bool = False  # in convolutions: 1.7 times as fast on processors that have it
    seed: int = 0


CHECK_SCENES, CHECK_SEED = 1_000, 2_000_000
CHECK_EVERY = 1000
SHADES = 255
REFUSED = 0.001  # of held-out MNIST images, at most: training shows more that is no digit than a detector proposes


def main(words: list[str] | None = None) -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m training.classifier", description=__doc__)
    parser.add_argument("--steps", type=int, default=ClassifierRecipe().steps)
    parser.add_argument("--scenes", type=int, default=ClassifierRecipe().scenes)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument(
        "--detector", type=Path, default=Path("models/detector.onnx"), help="proposes what to learn from"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--makers", type=int, default=1, help="processes that make scenes")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--begin", type=Path, help="a checkpoint whose weights to begin with, for more training")
    parser.add_argument("--learning-rate", type=float, default=ClassifierRecipe().learning_rate)
    parser.add_argument("--bfloat16", action="store_true", help="faster on processors that compute in it")
    arguments = parser.parse_args(words)
    arguments.out.mkdir(parents=True, exist_ok=True)
    fetch_hand_fonts(arguments.data)
    fetch_things(arguments.data)
    chosen = {name: getattr(arguments, name) for name in ("steps", "scenes", "seed", "learning_rate", "bfloat16")}
    run = start(replace(ClassifierRecipe(), **chosen), arguments)
    if not arguments.detector.is_file():
        raise SystemExit(f"--detector: there is no {arguments.detector}, train it first: python -m training.detector")
    sets = load_sets(run.recipe, arguments)
    train(run, sets)
    finish(run, sets, arguments.data)


# -------------------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Labelled:
    """Images (uint8, N x 1 x 28 x 28) and labels (int64, N)."""

    images: Tensor
    labels: Tensor

    def where(self, chosen: Tensor) -> "Labelled":
        """Return the chosen ones."""
        return Labelled(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True, slots=True)
class ClassifierData:
    """What is trained on (mnist, digits, others), and what judges it, of images that no training set holds."""

    mnist: Labelled
    digits: Labelled
    others: Labelled
    held_mnist: Labelled
    held_crops: Labelled


def load_sets(recipe: ClassifierRecipe, arguments: argparse.Namespace) -> ClassifierData:
    """Return the sets on the device; the crops are made where they are not there yet."""
    device, data, detector = torch.device(arguments.device), arguments.data, arguments.detector
    mnist = labelled(*load_mnist("train", data), device)
    trained_on = Order(data, detector, recipe.scenes, 0, slice(None, -HELD_OUT))
    crops = labelled(*load_crops(trained_on, arguments.makers), device)
    held_crops = labelled(*load_crops(held_out_order(data, detector), arguments.makers), device)
    is_digit = crops.labels < NOT_A_DIGIT
    order = torch.arange(len(mnist.labels), device=device)
    return ClassifierData(
        mnist=mnist.where(order < len(order) - HELD_OUT),
        digits=crops.where(is_digit),
        others=crops.where(~is_digit),
        held_mnist=mnist.where(order >= len(order) - HELD_OUT),
        held_crops=held_crops,
    )


def held_out_order(data: Path, detector: Path) -> Order:
    """Return which crops judge: of MNIST's images that no training crop shows."""
    return Order(data, detector, CHECK_SCENES, CHECK_SEED, slice(-HELD_OUT, None))


def labelled(images: np.ndarray, labels: np.ndarray, device: torch.device) -> Labelled:
    """Return arrays as tensors on the device."""
    return Labelled(torch.from_numpy(images)[:, None].to(device), torch.from_numpy(labels).long().to(device))


def draw_batch(parts: Sequence[tuple[Labelled, int]], random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a batch, so many of each part, varied; images in 0 to 1."""
    drawn = [
        part.where(torch.randint(len(part.labels), (count,), generator=random).to(part.labels.device))
        for part, count in parts
    ]
    images = torch.cat([part.images for part in drawn]).float() / SHADES
    labels = torch.cat([part.labels for part in drawn])
    # MNIST's 1s lean where others' stand: what is upright is a 1, too, and not only what is no digit
    lean = torch.from_numpy(measure_slant(images[:, 0].cpu().numpy())).float() * (labels == 1).cpu()
    return vary(images, lean * torch.rand(len(lean), generator=random), random), labels


def vary(images: Tensor, upright: Tensor, random: torch.Generator) -> Tensor:
    """Return images a little turned, slanted, scaled, shifted and bent, with a stroke a little softer or harder.

    upright is how much lean is taken off each, pixels to the right for one up.
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


# -------------------------------------------------------------------------------------------------------------- loop


@dataclass(slots=True)
class ClassifierRun:
    """A training on its way."""

    recipe: ClassifierRecipe
    network: ClassifierCNN
    average: AveragedModel
    optimiser: torch.optim.AdamW
    device: torch.device
    out: Path
    step: int = 0
    checks: list[dict[str, float]] = field(default_factory=list)

    @property
    def kept(self) -> Path:
        """The file that a stopped run goes on from."""
        return self.out / "classifier.resume.pt"

    @property
    def parts(self) -> dict[str, Stateful]:
        """What learns."""
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}

    @property
    def progress(self) -> dict[str, Any]:
        """How far it is."""
        return {"step": self.step, "checks": self.checks}


def start(recipe: ClassifierRecipe, arguments: argparse.Namespace) -> ClassifierRun:
    """Return a new run, or the one that was kept."""
    torch.manual_seed(recipe.seed)
    device = torch.device(arguments.device)
    network = ClassifierCNN()
    if arguments.begin:
        network.load_state_dict(load_checkpoint(arguments.begin).state_dict())
    network = network.to(device).to(memory_format=torch.channels_last)  # 1.4 times as fast on a CPU
    average = start_mean(network, recipe.average)
    optimiser = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    run = ClassifierRun(recipe, network, average, optimiser, device, arguments.out)
    if arguments.resume:
        progress = restore(run.kept, asdict(recipe), run.parts, device)
        for name, value in progress.items():
            setattr(run, name, value)
    return run


def train(run: ClassifierRun, sets: ClassifierData) -> None:
    """Train to the recipe's last step; judge and keep the run now and then."""
    recipe = run.recipe
    parts = ((sets.mnist, recipe.mnist), (sets.digits, recipe.digits), (sets.others, recipe.others))
    with tqdm(total=recipe.steps, initial=run.step, desc="classifier", mininterval=10) as bar:
        while run.step < recipe.steps:
            # what a step sees depends on seed and step alone, so a resumed run sees what an unbroken one would have
            random = torch.Generator().manual_seed(recipe.seed * 10_000_000 + run.step)
            train_step(run, *draw_batch(parts, random))
            run.step += 1
            bar.update()
            if run.step % CHECK_EVERY == 0 or run.step == recipe.steps:
                run.checks.append({"step": run.step} | judge(run.average.module, sets))
                tqdm.write(str(run.checks[-1]))
                keep(run.kept, asdict(recipe), run.parts, run.progress)


def train_step(run: ClassifierRun, images: Tensor, labels: Tensor) -> None:
    """Take one step."""
    recipe, warm = run.recipe, min(1, (run.step + 1) / run.recipe.warm_up)
    for group in run.optimiser.param_groups:
        group["lr"] = recipe.learning_rate * warm * max(0.003, (1 + math.cos(math.pi * run.step / recipe.steps)) / 2)
    run.network.train()
    with torch.autocast(run.device.type, torch.bfloat16, enabled=recipe.bfloat16):
        logits = run.network(images.contiguous(memory_format=torch.channels_last))
    loss = functional.cross_entropy(logits.float(), labels)
    run.optimiser.zero_grad()
    torch.autograd.backward(loss)
    run.optimiser.step()
    run.average.update_parameters(run.network)


# -------------------------------------------------------------------------------------------------------- evaluation


def judge(network: nn.Module, sets: ClassifierData) -> dict[str, float]:
    """Return the accuracy on held-out MNIST and crops, and how well digits are told from what is none (AUROC)."""
    mnist, crops = answer(network, sets.held_mnist.images), answer(network, sets.held_crops.images)
    labels = sets.held_crops.labels
    is_digit = labels < NOT_A_DIGIT
    certainty = -functional.log_softmax(crops, dim=1)[:, NOT_A_DIGIT]
    return {
        "mnist": share(mnist.argmax(dim=1) == sets.held_mnist.labels),
        "digits": share(crops[is_digit, :10].argmax(dim=1) == labels[is_digit]),
        "accepted": share(crops[is_digit].argmax(dim=1) < NOT_A_DIGIT),
        "refused": share(crops[~is_digit].argmax(dim=1) == NOT_A_DIGIT),
        "auroc": area_under_roc(certainty[is_digit], certainty[~is_digit]),
    }


def answer(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of images (uint8)."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part.float() / SHADES) for part in torch.split(images, 1000)])


def share(claims: Tensor) -> float:
    """Return how many of the claims are true, 0 to 1."""
    return round(float(claims.float().mean()), 5)


def area_under_roc(positive: Tensor, negative: Tensor) -> float:
    """Return the probability that a positive has more than a negative."""
    below = torch.searchsorted(negative.sort().values, positive.contiguous())
    return round(float(below.double().mean() / len(negative)), 5)


def find_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return what logits must be divided by to be true probabilities (Guo et al., 2017)."""
    candidates = torch.exp(torch.linspace(-1, 1, 201))
    losses = torch.stack([functional.cross_entropy(logits / t, labels) for t in candidates])
    return float(candidates[losses.argmin()])


def find_reserve(logits: Tensor, share: float = REFUSED) -> float:
    """Return what to add to "not a digit" (0 or less), so that no more than a share of these digits are refused."""
    lead = logits[:, :NOT_A_DIGIT].amax(dim=1) - logits[:, NOT_A_DIGIT]
    return min(0.0, float(torch.quantile(lead, share)))


def finish(run: ClassifierRun, sets: ClassifierData, data: Path) -> None:
    """Set temperature and reserve, and write what was trained."""
    network = ClassifierCNN().eval()
    network.load_state_dict({key: value.cpu() for key, value in run.average.module.state_dict().items()})
    held = Labelled(sets.held_crops.images.cpu(), sets.held_crops.labels.cpu())
    temperature = find_temperature(answer(network, held.images), held.labels)
    last = network.layers[-1]
    last.load_state_dict({key: value / temperature for key, value in last.state_dict().items()})
    reserve = find_reserve(answer(network, sets.held_mnist.images.cpu()))
    with torch.no_grad():
        last.get_parameter("bias")[NOT_A_DIGIT] += reserve
    figures = run.checks[-1] | {"temperature": temperature, "reserve": reserve}
    write_classifier(run.out, network, asdict(run.recipe), figures, data)
    run.kept.unlink(missing_ok=True)


def write_classifier(
    out: Path, network: ClassifierCNN, recipe: dict[str, Any], figures: dict[str, float], data: Path
) -> None:
    """Look at MNIST's test images, and write a classifier (on the CPU, in eval mode) as .pt, .onnx and matrix."""
    test = labelled(*load_mnist("test", data), torch.device("cpu"))
    logits = answer(network, test.images)
    is_right = logits.argmax(dim=1) == test.labels
    is_right_alone = logits[:, :NOT_A_DIGIT].argmax(dim=1) == test.labels
    figures = figures | {"test": share(is_right), "test_alone": share(is_right_alone)}
    pairs = test.labels * 11 + logits.argmax(dim=1)
    plot_confusion(out / "classifier.confusion.png", torch.bincount(pairs, minlength=121).reshape(11, 11).numpy())
    save_checkpoint(out / "classifier.pt", "classifier", network, recipe, figures)
    facts = {
        "name": "classifier",
        "version": hash_recipe(recipe),
        "input": "float32 N x 1 x 28 x 28, 0 to 1, ink bright on black",
        "output": "logits of the digits 0 to 9 and of not a digit",
        "test_accuracy": f"{figures['test']:.4f}",
    }
    export_onnx(out / "classifier.onnx", network, test.images[:64].float() / SHADES, facts)
    export_layers(out / "classifier.onnx")
    print(figures)


if __name__ == "__main__":
    main()
