"""Trains by the fast recipe again and again, and by the seed's beside it: `python -m training.train --preset fast`.

`--seeds 10 --beside 3 --out docs` writes docs/speed-record.json, which `python -m training.evaluate` shows.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from shared.telemetry.processor import find_processor
from training import blog, fast
from training.blog import Digits, load_tensors
from training.record import COMMAND, FastTraining, SpeedRecord, save_record, to_lines

HELD_OUT = 10_000  # of the training images, the last
CPU = torch.device("cpu")


def main(words: list[str] | None = None) -> None:
    """Train as often as asked for; the record is written after each, so that breaking off loses no more than one."""
    arguments = parse_arguments(words)
    torch.set_num_threads(arguments.threads)
    record = begin(arguments)
    digits, judges = load_sets(arguments.data, held_out=arguments.held_out)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for training in run(arguments, digits, judges):
        whole = record.whole_cpu_s or time.process_time()
        record = replace(record, whole_cpu_s=whole, trainings=(*record.trainings, training))
        save_record(record, arguments.out / "speed-record.json")
        print(f"{training.who} {training.seed}: {training.accuracy:.2%}, {training.cpu_s:.2f} CPU-seconds", flush=True)
    print("\n".join(["", *to_lines(record)]))


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train --preset fast", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="trainings by the fast recipe (default: 10)")
    parser.add_argument("--beside", type=int, default=0, help="trainings by the seed's, minutes each (default: 0)")
    parser.add_argument("--beside-epochs", type=int, default=blog.RECIPE.epochs, help="instead of the seed recipe's")
    parser.add_argument("--epochs", type=float, default=fast.FastRecipe().epochs, help="instead of the fast recipe's")
    parser.add_argument("--threads", type=int, default=1, help="one costs the least CPU (default: 1)")
    parser.add_argument("--held-out", action="store_true", help="judge by training images held out: to choose a recipe")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of speed-record.json (default: runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MNIST/raw (default: data)")
    arguments = parser.parse_args(words)
    if (
        min(arguments.seeds, arguments.threads, arguments.beside_epochs) < 1
        or arguments.beside < 0
        or not 0 < arguments.epochs < 1000
    ):
        parser.error(
            "--seeds, --threads and --beside-epochs are at least 1, --beside is at least 0, --epochs more than 0"
        )
    return arguments


def begin(arguments: argparse.Namespace) -> SpeedRecord:
    """Return a record without trainings: of what, and where."""
    often = f"--seeds {arguments.seeds} --beside {arguments.beside} --beside-epochs {arguments.beside_epochs}"
    return SpeedRecord(
        command=f"{COMMAND} {often}",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{find_processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}",
        threads=arguments.threads,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        judged_on=f"{HELD_OUT:,} training images held out" if arguments.held_out else "MNIST test",
        whole_cpu_s=0.0,
        trainings=(),
    )


def load_sets(data: Path, *, held_out: bool) -> tuple[Digits, Digits]:
    """Return what is trained on, and what judges."""
    digits = load_tensors("train", data, CPU)
    if not held_out:
        return digits, load_tensors("test", data, CPU)
    images, labels = digits.images, digits.labels
    return Digits(images[:-HELD_OUT], labels[:-HELD_OUT]), Digits(images[-HELD_OUT:], labels[-HELD_OUT:])


def run(arguments: argparse.Namespace, digits: Digits, judges: Digits) -> Iterator[FastTraining]:
    """Yield the trainings by the fast recipe, then those by the seed's."""
    for number in range(arguments.seeds):
        quick = fast.FastRecipe(epochs=arguments.epochs, seed=number)
        yield measure("fast", number, partial(fast.train, quick, digits), fast.answer_five_times, judges)
    whole, epochs = blog.RECIPE.epochs, arguments.beside_epochs
    name = "blog" if epochs == whole else f"blog, {epochs} of {whole} epochs"
    for number in range(arguments.beside):
        recipe = replace(blog.RECIPE, epochs=epochs, seed=number)
        yield measure(name, number, partial(train_as_seed, recipe, digits), fast.answer, judges)


def train_as_seed(recipe: blog.BlogRecipe, digits: Digits) -> nn.Module:
    """Return a network trained by the seed's recipe, without the looks at the test set that only its curve needs."""
    course = blog.start(recipe, CPU, Path(), resume=False)
    while course.epoch < course.recipe.epochs:
        blog.train_epoch(course, digits)
    return course.network.eval()


def measure(
    who: str,
    number: int,
    train: Callable[[], nn.Module],
    answer: Callable[[nn.Module, Tensor], Tensor],
    judges: Digits,
) -> FastTraining:
    """Train, and then judge."""
    cpu, wall = time.process_time(), time.perf_counter()
    network = train()
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    accuracy, at_one_look = (share_right(how(network, judges.images), judges) for how in (answer, fast.answer))
    return FastTraining(who, number, accuracy, at_one_look, cpu_s, wall_s)


def share_right(logits: Tensor, digits: Digits) -> float:
    """Return the share of images whose own label has the largest logit."""
    return float((logits.argmax(dim=1) == digits.labels).double().mean())
