"""Trains the blog post's network: `python -m training.train --preset blog` gives weights, ONNX file and pictures.

It is the post's own recipe to the letter, with the pixels in 0 to 1 at test too. A run is repeatable (the same seed,
machine and threads give the same weights) and resumable after every epoch. (Other presets: detector, classifier, fast.)
"""

import argparse
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from shared.networks.architectures import NETWORKS, save_checkpoint
from training.data import FILES, Split, load_mnist
from training.export import export_onnx, hash_recipe
from training.plots import plot_confusion, plot_curve
from training.resume import Stateful, keep, restore

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class BlogRecipe:
    """How a network is trained: Adam on cross-entropy, every image once an epoch in a new order."""

    network: str
    epochs: int
    batch: int
    learning_rate: float
    seed: int = 0


RECIPE = BlogRecipe(network="blog", epochs=15, batch=100, learning_rate=1e-3)
EVALUATION_BATCH = 1000


def parse_arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train --preset blog", description=__doc__)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the results (default: runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MNIST/raw (default: data)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    """Train what the command line asks for."""
    arguments = parse_arguments(words)
    recipe = replace(RECIPE, epochs=arguments.epochs or RECIPE.epochs, seed=arguments.seed)
    device = choose_device(arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)
    train_set, test_set = (load_tensors(split, arguments.data, device) for split in FILES)
    run = start(recipe, device, arguments.out / f"{recipe.network}.resume.pt", resume=arguments.resume)
    train(run, train_set, test_set)
    figures = finish(run, test_set, arguments.out)
    print(f"{recipe.network}: test accuracy {figures['test_accuracy']:.2%} after {recipe.epochs} epochs")


def choose_device(name: str) -> torch.device:
    """Return the device of a name; auto is CUDA where there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: torch finds no CUDA device here, use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


# -------------------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Digits:
    """Images (uint8, N x 1 x 28 x 28) and their labels (int64, N) on the device that trains.

    One tensor, not a DataLoader: MNIST is 47 MB, and handing it out image by image takes longer than the network does.
    """

    images: Tensor
    labels: Tensor


def load_tensors(split: Split, root: Path, device: torch.device) -> Digits:
    """Return a split of MNIST on the device."""
    images, labels = load_mnist(split, root)
    return Digits(torch.from_numpy(images)[:, None].to(device), torch.from_numpy(labels).long().to(device))


def to_input(images: Tensor) -> Tensor:
    """Scale 0..255 to 0..1, in training and at test alike (torchvision's ToTensor)."""
    return images.float() / 255


# -------------------------------------------------------------------------------------------------------------- loop


@dataclass(slots=True)
class BlogRun:
    """A training on its way: what a resumed one needs, and where it is kept after every epoch."""

    recipe: BlogRecipe
    network: nn.Module
    optimiser: torch.optim.Adam
    device: torch.device
    kept: Path
    epoch: int = 0
    history: dict[str, list[float]] = field(
        default_factory=lambda: {"train_loss": [], "test_loss": [], "test_accuracy": []}
    )

    @property
    def parts(self) -> dict[str, Stateful]:
        """What learns."""
        return {"network": self.network, "optimiser": self.optimiser}

    @property
    def begun_with(self) -> dict[str, Any]:
        """The recipe, but for how long: a run may go on for more epochs than it was begun for."""
        return {name: value for name, value in asdict(self.recipe).items() if name != "epochs"}


def start(recipe: BlogRecipe, device: torch.device, kept: Path, *, resume: bool) -> BlogRun:
    """Return a new run, or the one that was kept."""
    torch.manual_seed(recipe.seed)
    network = NETWORKS[recipe.network]().to(device)
    run = BlogRun(recipe, network, torch.optim.Adam(network.parameters(), lr=recipe.learning_rate), device, kept)
    if resume:
        run.history = restore(run.kept, run.begun_with, run.parts, device)["history"]
        run.epoch = len(run.history["test_accuracy"])
    return run


def train(run: BlogRun, train_set: Digits, test_set: Digits) -> None:
    """Train to the recipe's last epoch, looking at the test set after each for the curve, and for nothing else."""
    while run.epoch < run.recipe.epochs:
        loss = train_epoch(run, train_set)
        test_loss, accuracy, _ = evaluate(run.network, test_set)
        for name, value in (("train_loss", loss), ("test_loss", test_loss), ("test_accuracy", accuracy)):
            run.history[name].append(value)
        keep(run.kept, run.begun_with, run.parts, {"history": run.history})
        tqdm.write(f"epoch {run.epoch:2d}: loss {loss:.4f}, test loss {test_loss:.4f}, test accuracy {accuracy:.2%}")


def train_epoch(run: BlogRun, digits: Digits) -> float:
    """See every image once; return the mean loss."""
    run.network.train()
    total = torch.zeros((), device=run.device)
    # the order depends on seed and epoch alone, so a resumed run sees what an unbroken one would have seen
    order = torch.randperm(
        len(digits.labels), generator=torch.Generator().manual_seed(run.recipe.seed * 1000 + run.epoch)
    )
    batches = torch.split(order.to(run.device), run.recipe.batch)
    for chosen in tqdm(batches, desc=f"epoch {run.epoch + 1}/{run.recipe.epochs}", leave=False, mininterval=1):
        loss = cross_entropy(run.network(to_input(digits.images[chosen])), digits.labels[chosen])
        run.optimiser.zero_grad()
        torch.autograd.backward(loss)
        run.optimiser.step()
        total += loss.detach() * len(chosen)
    run.epoch += 1
    return float(total / len(digits.labels))


# -------------------------------------------------------------------------------------------------------- evaluation


def evaluate(network: nn.Module, digits: Digits) -> tuple[float, float, NDArray[np.int64]]:
    """Return the mean loss, the accuracy (0 to 1) and the confusion matrix (rows are the true digits)."""
    network.eval()
    with torch.inference_mode():
        logits = torch.cat([network(to_input(images)) for images in torch.split(digits.images, EVALUATION_BATCH)])
    loss = float(cross_entropy(logits, digits.labels))
    pairs = digits.labels * 10 + logits[:, :10].argmax(dim=1)
    matrix = torch.bincount(pairs, minlength=100).reshape(10, 10).cpu().numpy()
    return loss, float(np.trace(matrix) / matrix.sum()), matrix


def finish(run: BlogRun, test_set: Digits, out: Path) -> dict[str, float]:
    """Write weights, ONNX file and pictures; return the figures of the last epoch (not of the best on test)."""
    name = run.recipe.network
    _, accuracy, matrix = evaluate(run.network, test_set)
    figures = {"test_accuracy": accuracy, "epochs": float(run.epoch)}
    recipe = asdict(run.recipe)
    plot_curve(
        out / f"{name}.curve.png", run.history["train_loss"], run.history["test_loss"], run.history["test_accuracy"]
    )
    plot_confusion(out / f"{name}.confusion.png", matrix)
    save_checkpoint(out / f"{name}.pt", name, run.network, recipe, figures)
    facts = {
        "name": name,
        "version": hash_recipe(recipe),
        "input": "float32 N x 1 x 28 x 28, 0 to 1, ink bright on black",
        "output": "logits of the digits 0 to 9",
        "test_accuracy": f"{accuracy:.4f}",
    }
    export_onnx(out / f"{name}.onnx", run.network.cpu().eval(), to_input(test_set.images[:64]).cpu(), facts)
    run.kept.unlink(missing_ok=True)
    return figures
