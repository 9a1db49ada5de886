"""Trains the blog post's network: `python -m training.train --preset blog` writes weights, ONNX file and pictures.

The recipe is the post's, with the pixels in 0 to 1 at test too. A run is repeatable: the same seed, machine and threads
give the same weights. It can be resumed after every epoch.
"""

import argparse
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from shared.networks.architectures import NETWORKS, save_checkpoint
from shared.networks.cards import write_checksums
from training.data import FILES
from training.export import export_onnx, hash_recipe
from training.images import LabelledImages, count_confusions, load_mnist_tensors, predict_logits, to_input
from training.plots import plot_confusion, plot_curve
from training.resume import Stateful, load_run, save_run

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BlogRecipe:
    """Adam on cross-entropy; every epoch shows each image once, in a new order."""

    network: str = "blog"
    epochs: int = 15
    batch: int = 100
    learning_rate: float = 1e-3
    seed: int = 0


RECIPE = BlogRecipe()


def main(words: list[str] | None = None) -> None:
    options = parse_options(words)
    recipe = replace(RECIPE, epochs=options.epochs or RECIPE.epochs, seed=options.seed)
    device = choose_device(options.device)
    options.out.mkdir(parents=True, exist_ok=True)
    train_set, test_set = (load_mnist_tensors(split, options.data, device) for split in FILES)
    run = start_run(recipe, device, options.out / f"{recipe.network}.resume.pt", resume=options.resume)
    train(run, train_set, test_set)
    figures = write_results(run, test_set, options.out)
    print(f"{recipe.network}: test accuracy {figures['test_accuracy']:.2%} after {recipe.epochs} epochs")


def parse_options(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.train --preset blog", description=__doc__)
    parser.add_argument("--epochs", type=int, help=f"default: {RECIPE.epochs}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the results (default: runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MNIST/raw (default: data)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--resume", action="store_true", help="continue after the last whole epoch")
    return parser.parse_args(words)


def choose_device(name: str) -> torch.device:
    """Return the named device; auto is CUDA where there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: torch finds no CUDA device here, use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


# -------------------------------------------------------------------------------------------------------------- loop


@dataclass(slots=True)
class BlogRun:
    """A training in progress, with all that a resumed one needs."""

    recipe: BlogRecipe
    network: nn.Module
    optimiser: torch.optim.Adam
    device: torch.device
    path: Path  # saved here after every epoch
    epoch: int = 0
    history: dict[str, list[float]] = field(
        default_factory=lambda: {"train_loss": [], "test_loss": [], "test_accuracy": []}
    )

    @property
    def parts(self) -> dict[str, Stateful]:
        return {"network": self.network, "optimiser": self.optimiser}

    @property
    def fixed_recipe(self) -> dict[str, Any]:
        """The recipe without its epochs: a resumed run may train for more."""
        return {name: value for name, value in asdict(self.recipe).items() if name != "epochs"}


def start_run(recipe: BlogRecipe, device: torch.device, path: Path, *, resume: bool) -> BlogRun:
    """Return a new run, or the saved one."""
    torch.manual_seed(recipe.seed)
    network = NETWORKS[recipe.network]().to(device)
    run = BlogRun(recipe, network, torch.optim.Adam(network.parameters(), lr=recipe.learning_rate), device, path)
    if resume:
        run.history = load_run(run.path, run.fixed_recipe, run.parts, device)["history"]
        run.epoch = len(run.history["test_accuracy"])
    return run


def train(run: BlogRun, train_set: LabelledImages, test_set: LabelledImages) -> None:
    """Train to the last epoch. The test set is evaluated after each one for the curve, and chooses nothing."""
    while run.epoch < run.recipe.epochs:
        loss = train_epoch(run, train_set)
        test_loss, accuracy = evaluate(run.network, test_set)
        for name, value in (("train_loss", loss), ("test_loss", test_loss), ("test_accuracy", accuracy)):
            run.history[name].append(value)
        save_run(run.path, run.fixed_recipe, run.parts, {"history": run.history})
        tqdm.write(f"epoch {run.epoch:2d}: loss {loss:.4f}, test loss {test_loss:.4f}, test accuracy {accuracy:.2%}")


def train_epoch(run: BlogRun, digits: LabelledImages) -> float:
    """Show every image once; return the mean loss."""
    run.network.train()
    total = torch.zeros((), device=run.device)
    # the order depends on seed and epoch alone, so a resumed run sees what an unbroken one would have seen
    random = torch.Generator().manual_seed(run.recipe.seed * 1000 + run.epoch)
    order = torch.randperm(len(digits.labels), generator=random)
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


def evaluate(network: nn.Module, digits: LabelledImages) -> tuple[float, float]:
    """Return the mean loss and the accuracy (0 to 1)."""
    logits = predict_logits(network, digits.images)
    return float(cross_entropy(logits, digits.labels)), float((logits.argmax(dim=1) == digits.labels).double().mean())


def write_results(run: BlogRun, test_set: LabelledImages, out: Path) -> dict[str, float]:
    """Write weights, ONNX file and pictures; return the figures of the last epoch (not of the best on test)."""
    name, recipe = run.recipe.network, asdict(run.recipe)
    figures = {"test_accuracy": evaluate(run.network, test_set)[1], "epochs": float(run.epoch)}
    plot_curve(out / f"{name}.curve.png", **run.history)
    plot_confusion(
        out / f"{name}.confusion.png",
        count_confusions(predict_logits(run.network, test_set.images), test_set.labels),
    )
    save_checkpoint(out / f"{name}.pt", name, run.network, recipe, figures)
    facts = {
        "name": name,
        "version": hash_recipe(recipe),
        "input": "float32 N x 1 x 28 x 28, 0 to 1, ink bright on black",
        "output": "logits of the digits 0 to 9",
        "test_accuracy": f"{figures['test_accuracy']:.4f}",
    }
    export_onnx(out / f"{name}.onnx", run.network.cpu().eval(), to_input(test_set.images[:64]).cpu(), facts)
    write_checksums(out / f"{name}.md")
    run.path.unlink(missing_ok=True)
    return figures
