"""Trains on MNIST in seconds of CPU time: one epoch, 99 % of the test images right.

`python -m training.train --preset fast --seeds 10 --blog-seeds 3 --out docs` trains ten times, three times by the blog
post's recipe for comparison, and writes docs/speed-record.json, which `python -m training.evaluate` shows. One epoch is
enough because the filters learn by Muon (Jordan and others, 2024, https://kellerjordan.github.io/posts/muon). Seconds
are enough because the first convolution keeps one place in four, and none is padded. What else was tried:
docs/decisions/0014-each-digit-once.md.
"""

import argparse
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.telemetry.processor import find_processor
from training import blog
from training.images import CPU, LabelledImages, load_mnist_tensors, predict_logits, to_input

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class FastRecipe:
    """Chosen on validation images (`--validation`), not on the test images."""

    epochs: float = 1.0
    batch: int = 256
    muon_rate: float = 0.24  # a filter's step, as a share of the filter's length
    momentum: float = 0.6
    adam_rate: float = 0.04  # of all other parameters
    smoothing: float = 0.1  # of the labels
    warm_up: float = 0.2  # share of the steps; then down in a line
    end: float = 0.02  # of the rates, at the first step and the last
    seed: int = 0


COMMAND = "python -m training.train --preset fast"
VALIDATION = 10_000  # of the training images, the last


def main(words: list[str] | None = None) -> None:
    """Train once for each seed; the record is written after each training, so that Ctrl-C loses at most one."""
    options = parse_options(words)
    torch.set_num_threads(options.threads)
    record = start_record(options)
    training_set, test_set = load_sets(options.data, validation=options.validation)
    options.out.mkdir(parents=True, exist_ok=True)
    for training in run_trainings(options, training_set, test_set):
        process_cpu_s = record.process_cpu_s or time.process_time()
        record = replace(record, process_cpu_s=process_cpu_s, trainings=(*record.trainings, training))
        (options.out / "speed-record.json").write_text(json.dumps(asdict(record), indent=1) + "\n")
        result = f"{training.accuracy:.2%}, {training.cpu_s:.2f} CPU-seconds"
        print(f"{training.recipe} {training.seed}: {result}", flush=True)
    for name, trainings in record.by_recipe().items():
        accuracy, cpu_s = (statistics.fmean(getattr(each, key) for each in trainings) for key in ("accuracy", "cpu_s"))
        print(f"{name}: mean of {len(trainings)}: {accuracy:.2%}, {cpu_s:.2f} CPU-seconds")


def parse_options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="trainings by the fast recipe (default: 10)")
    parser.add_argument(
        "--blog-seeds", type=int, default=0, help="trainings by the blog post's, minutes each (default: 0)"
    )
    parser.add_argument("--blog-epochs", type=int, default=blog.RECIPE.epochs, help="of the blog post's recipe")
    parser.add_argument("--epochs", type=float, default=FastRecipe().epochs, help="of the fast recipe")
    parser.add_argument("--threads", type=int, default=1, help="one costs the least CPU (default: 1)")
    parser.add_argument("--validation", action="store_true", help="evaluate on training images: to choose a recipe")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of speed-record.json (default: runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MNIST/raw (default: data)")
    options = parser.parse_args(words)
    if min(options.seeds, options.threads, options.blog_epochs) < 1:
        parser.error("--seeds, --threads and --blog-epochs are at least 1")
    if options.blog_seeds < 0 or not 0 < options.epochs < 1000:
        parser.error("--blog-seeds is at least 0, --epochs more than 0")
    return options


def load_sets(data: Path, *, validation: bool) -> tuple[LabelledImages, LabelledImages]:
    """Return the training set, and the test set or validation images out of the training set."""
    digits = load_mnist_tensors("train", data)
    if not validation:
        return digits, load_mnist_tensors("test", data)
    return digits.select(slice(None, -VALIDATION)), digits.select(slice(-VALIDATION, None))


# ----------------------------------------------------------------------------------------------------------- network


def make_network() -> nn.Sequential:
    """Return the network, 26,570 parameters: N x 1 x 28 x 28 in 0 to 1 gives N x 10 logits."""
    return nn.Sequential(
        *conv_bn_relu(1, 16, kernel=4, stride=2),  # 13 x 13
        *conv_bn_relu(16, 32, kernel=3, stride=2),  # 6 x 6
        *conv_bn_relu(32, 48, kernel=3, stride=1),  # 4 x 4
        nn.Flatten(),
        nn.Linear(48 * 4 * 4, 10),
    ).to(memory_format=torch.channels_last)


def conv_bn_relu(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    """Return a convolution without padding, batch normalisation and ReLU."""
    # an epoch has few batches for the statistics, so each counts for more than torch's tenth
    return nn.Conv2d(inputs, outputs, kernel, stride, bias=False), nn.BatchNorm2d(outputs, momentum=0.3), nn.ReLU()


# -------------------------------------------------------------------------------------------------------------- Muon


class Muon:
    """Moves filters along their orthogonalised momentum, so that rare directions are learned as fast as common ones.

    A filter keeps its length, which has no effect before a batch normalisation, so a step is a share of it. (torch's
    own Muon takes matrices only.)
    """

    def __init__(self, filters: Iterable[nn.Parameter], momentum: float) -> None:
        self.momentum = momentum
        self.filters = [(each, torch.zeros_like(each)) for each in filters]

    @torch.no_grad()
    def step(self, step_size: float) -> None:
        """Move each filter along its Nesterov momentum."""
        for each, mean in self.filters:
            if each.grad is None:
                continue
            mean.lerp_(each.grad, 1 - self.momentum)
            direction = orthogonalise(each.grad.lerp(mean, self.momentum).flatten(1))
            each.mul_(math.sqrt(len(each)) / each.norm())
            each.sub_(direction.view_as(each), alpha=step_size)


def orthogonalise(matrix: Tensor, rounds: int = 4) -> Tensor:
    """Return the matrix with its singular values brought near 1, by the Newton-Schulz iteration.

    The coefficients are Jordan's: steep at 0, so that small values grow in few rounds. Values of at least a tenth of
    the largest end between 0.6 and 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    near: Tensor = wide / (wide.norm() + 1e-7)
    for _ in range(rounds):
        square = near @ near.T
        near = a * near + (b * square + c * square @ square) @ near
    return near if wide is matrix else near.T


# -------------------------------------------------------------------------------------------------------------- loop


def train(recipe: FastRecipe, digits: LabelledImages) -> nn.Sequential:
    torch.manual_seed(recipe.seed)
    network, images = make_network(), to_input(digits.images)
    filters = [parameter for parameter in network.parameters() if parameter.ndim == images.ndim]
    others = [parameter for parameter in network.parameters() if parameter.ndim < images.ndim]
    muon = Muon(filters, recipe.momentum)
    adam = torch.optim.Adam(others, betas=(0.9, 0.95), fused=True)
    batches = draw_batches(recipe, len(images))
    for step, chosen in enumerate(batches):
        share = schedule(recipe, step / len(batches))
        logits = network(images[chosen])
        loss = functional.cross_entropy(logits, digits.labels[chosen], label_smoothing=recipe.smoothing)
        network.zero_grad()
        torch.autograd.backward(loss)
        adam.param_groups[0]["lr"] = recipe.adam_rate * share
        adam.step()
        muon.step(recipe.muon_rate * share)
    return network.eval()


def draw_batches(recipe: FastRecipe, count: int) -> list[Tensor]:
    """Return the indices of the images that each step sees; an epoch's remainder starts the next epoch."""
    order = torch.cat([torch.randperm(count) for _ in range(math.ceil(recipe.epochs))])
    steps = max(1, int(recipe.epochs * count) // recipe.batch)
    return list(torch.split(order[: steps * recipe.batch], recipe.batch))


def schedule(recipe: FastRecipe, done: float) -> float:
    """Return the share of the rates when this share of the training is done."""
    up, down = done / recipe.warm_up, (1 - done) / (1 - recipe.warm_up)
    return recipe.end + (1 - recipe.end) * min(up, down)


# -------------------------------------------------------------------------------------------------------- evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedTraining:
    """One training: its accuracies (0 to 1) and its cost in seconds."""

    recipe: str
    seed: int
    accuracy: float
    accuracy_one_view: float  # with each image seen only once
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRecord:
    """Trainings on one machine, one after the other."""

    command: str
    date: str
    machine: str
    threads: int
    load: float  # of the machine, in the minute before
    evaluated_on: str
    process_cpu_s: float  # from the start of the process until the first network was evaluated
    trainings: tuple[SeedTraining, ...]

    def by_recipe(self) -> dict[str, list[SeedTraining]]:
        names = dict.fromkeys(training.recipe for training in self.trainings)
        return {name: [training for training in self.trainings if training.recipe == name] for name in names}


def start_record(options: argparse.Namespace) -> SpeedRecord:
    """Return a record without trainings."""
    counts = f"--seeds {options.seeds} --blog-seeds {options.blog_seeds} --blog-epochs {options.blog_epochs}"
    return SpeedRecord(
        command=f"{COMMAND} {counts}",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{find_processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}",
        threads=options.threads,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        evaluated_on=f"{VALIDATION:,} training images held out" if options.validation else "MNIST test",
        process_cpu_s=0.0,
        trainings=(),
    )


def run_trainings(
    options: argparse.Namespace, training_set: LabelledImages, test_set: LabelledImages
) -> Iterator[SeedTraining]:
    """Yield the trainings by the fast recipe, then those by the blog post's."""
    for seed in range(options.seeds):
        fast = FastRecipe(epochs=options.epochs, seed=seed)
        yield measure("fast", seed, partial(train, fast, training_set), predict_five_views, test_set)
    epochs, all_epochs = options.blog_epochs, blog.RECIPE.epochs
    name = "blog" if epochs == all_epochs else f"blog, {epochs} of {all_epochs} epochs"
    for seed in range(options.blog_seeds):
        recipe = replace(blog.RECIPE, epochs=epochs, seed=seed)
        yield measure(name, seed, partial(train_blog, recipe, training_set), predict_logits, test_set)


def train_blog(recipe: blog.BlogRecipe, digits: LabelledImages) -> nn.Module:
    """Train by the blog post's recipe, without the evaluations that only its curve needs."""
    run = blog.start_run(recipe, CPU, Path(), resume=False)
    while run.epoch < recipe.epochs:
        blog.train_epoch(run, digits)
    return run.network.eval()


def measure(
    recipe: str,
    seed: int,
    train_network: Callable[[], nn.Module],
    predict: Callable[[nn.Module, Tensor], Tensor],
    test_set: LabelledImages,
) -> SeedTraining:
    """Train and time it, then evaluate."""
    cpu, wall = time.process_time(), time.perf_counter()
    network = train_network()
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    accuracy, accuracy_one_view = (
        float((method(network, test_set.images).argmax(dim=1) == test_set.labels).double().mean())
        for method in (predict, predict_logits)
    )
    return SeedTraining(
        recipe=recipe,
        seed=seed,
        accuracy=accuracy,
        accuracy_one_view=accuracy_one_view,
        cpu_s=cpu_s,
        wall_s=wall_s,
    )


def predict_five_views(network: nn.Module, images: Tensor) -> Tensor:
    """Return the mean logits of images as they are, and shifted by a pixel to each side."""
    shifts = ((0, 0), (-1, 2), (1, 2), (-1, 3), (1, 3))
    return torch.stack([predict_logits(network, images.roll(*shift)) for shift in shifts]).mean(dim=0)
