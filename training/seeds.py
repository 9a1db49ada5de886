"""What trainings that differ in their seed alone reached: `python -m training.seeds runs/classifier-*/classifier.pt`.

A single training may be lucky. The record, docs/classifier-seeds.json, has what each checkpoint says of itself, and
`python -m training.evaluate` shows the mean.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from training.evaluate.figures import Row


@dataclass(frozen=True, slots=True)
class Seeded:
    """One training: its seed, and its accuracy (0 to 1) on MNIST's test images, of eleven answers and of ten."""

    seed: int
    accuracy: float
    alone: float


def main(words: list[str] | None = None) -> None:
    """Write the record of the checkpoints that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m training.seeds", description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="classifiers of one recipe")
    parser.add_argument("--out", type=Path, default=Path("docs/classifier-seeds.json"))
    arguments = parser.parse_args(words)
    kept = [torch.load(path, weights_only=True) for path in arguments.checkpoints]
    recipes = {json.dumps(checkpoint["recipe"] | {"seed": None}) for checkpoint in kept}
    if len(recipes) > 1:
        parser.error(f"these were trained by {len(recipes)} recipes: a mean is of one")
    figures = ((checkpoint["recipe"]["seed"], checkpoint["figures"]) for checkpoint in kept)
    trainings = sorted((Seeded(seed, of["test"], of["test_alone"]) for seed, of in figures), key=lambda one: one.seed)
    arguments.out.write_text(json.dumps([asdict(one) for one in trainings], indent=1) + "\n")
    for row in to_rows(trainings):
        print(row)


def load(path: Path) -> list[Seeded]:
    """Return the record in a file."""
    return [Seeded(**one) for one in json.loads(path.read_text())]


def to_rows(trainings: list[Seeded]) -> Iterator[Row]:
    """Yield the means, and the spread from one training to the other, as rows of the accuracy table."""
    for what, values in (
        ("accuracy", [one.accuracy for one in trainings]),
        ("accuracy, digits alone", [one.alone for one in trainings]),
    ):
        yield Row("MNIST test", "classifier", f"{what}, mean of trainings", statistics.fmean(values), len(values))
        if len(values) > 1:
            name = f"{what}, standard deviation of trainings"
            yield Row("MNIST test", "classifier", name, statistics.stdev(values), len(values))


if __name__ == "__main__":
    main()
