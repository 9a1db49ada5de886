"""Teaches the classifier what people said that digits really were: `digitcam learn`.

It begins with the shipped weights each time, so what was deleted is forgotten. The new weights come into force only if
they are not worse on MNIST and on crops of scenes.
"""

import argparse
import math
import os
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shared.networks import layers
from shared.networks.architectures import load_checkpoint, save_checkpoint
from shared.settings import ConfigError, Settings, load_settings
from shared.vision.corrections import Correction, CorrectionStore
from shared.vision.reload import find_learned_weights, find_shipped_weights, load_classifier
from training.classifier import SHADES, Labelled, labelled
from training.crops import Order, load_crops
from training.data import HELD_OUT, load_mnist
from training.export import export_layers, export_onnx
from training.teach import FinetuneRecipe, count_right, teach

# ---------------------------------------------------------------------------------------------------------- settings


SCENES, SCENES_SEED = 500, 5_000_000  # whose crops stand for all that a camera sees; made once, in a minute
JUDGES = 5  # every fifth crop, and every fifth occasion of corrections, judges
OCCASION_S = 60.0  # the same digit on the same camera, said again within so long, is one occasion
LEAST_OCCASIONS = 10  # fewer leave too little to judge by

CPU = torch.device("cpu")


def main(words: list[str] | None = None) -> None:
    """Learn from the corrections of this machine; ends with 1 where the weights in force stay."""
    parser = argparse.ArgumentParser(prog="digitcam learn", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MNIST/raw, fetched where needed")
    parser.add_argument("--steps", type=int, default=FinetuneRecipe().steps)
    arguments = parser.parse_args(words)
    if arguments.steps < 1:
        parser.error("--steps is 1 or more")
    try:
        sys.exit(learn(load_settings(), arguments.data, FinetuneRecipe(steps=arguments.steps)))
    except (ConfigError, ValueError, OSError) as error:
        sys.exit(f"digitcam learn: {error}")
    except KeyboardInterrupt:
        sys.exit("digitcam learn: stopped, the weights in force stay")


def learn(settings: Settings, data: Path, recipe: FinetuneRecipe) -> int:
    """Teach, judge, and bring the new weights into force; 1 where they are worse. Raises what main names."""
    learned, before = find_learned_weights(settings), load_checkpoint(find_shipped_weights(settings).with_suffix(".pt"))
    sets = load_sets(settings, data, load_corrections(settings))
    after = teach(before, sets.taught, sets.kept, recipe)
    figures = [*judge(before, after, sets), *judge_left_out(before, sets, recipe)]
    print("\n".join(["", f"{'':33}{'before':>9}{'after':>9}", *map(str, figures)]))
    spoilt = [figure.name for figure in figures if figure.is_worse]
    if spoilt:
        print(f"The weights in force stay: the new ones are worse on {' and '.join(spoilt)}.")
        return 1
    version = install(after, learned, sets.test.images[:64], asdict(recipe))
    print(f"The classifier is {version} now; what runs takes it up within a second. `digitcam learn --undo` undoes it.")
    return 0


def install(network: nn.Module, learned: Path, example: Tensor, recipe: dict[str, Any]) -> str:
    """Bring weights into force, whole or not at all, and return their version."""
    learned.parent.mkdir(parents=True, exist_ok=True)
    draft = learned.with_name("new.onnx")
    save_checkpoint(draft.with_suffix(".pt"), "classifier", network, recipe, {})
    export_onnx(draft, network, example.float() / SHADES, {"name": "classifier", "learned_from": learned.parent.name})
    version = load_classifier(draft, "onnx", "cpu").version
    export_layers(draft)
    for suffix in (".pt", layers.SUFFIX, ".onnx"):  # in this order: the .onnx says that there is something learned
        draft.with_suffix(suffix).replace(learned.with_suffix(suffix))
    return version


# -------------------------------------------------------------------------------------------------------------- data


def load_corrections(settings: Settings) -> Sequence[Correction]:
    """Return all of them, the oldest first. Raises ValueError, in one sentence, where there are none."""
    kept = CorrectionStore(settings.learned_dir)
    try:
        corrections = kept.fetch()
    except sqlite3.Error as error:
        raise ValueError(f"{kept.path} can't be read ({error}): move it away, and correct anew") from error
    if not corrections:
        raise ValueError("nothing to learn from: click a digit on the page, and press the key of what it really is")
    return corrections[::-1]


@dataclass(frozen=True, slots=True)
class FinetuneData:
    """What is taught (corrections, with the occasion of each), what is to stay as it is, and what judges that."""

    taught: Labelled
    occasions: Tensor
    mnist: Labelled
    crops: Labelled
    test: Labelled
    held_crops: Labelled

    @property
    def kept(self) -> tuple[Labelled, Labelled]:
        """What is to be answered as before."""
        return self.mnist, self.crops


def load_sets(settings: Settings, data: Path, corrections: Sequence[Correction]) -> FinetuneData:
    """Return the sets; crops are made, and MNIST fetched, where they are not there yet."""
    order = Order(data, settings.models / "detector.onnx", SCENES, SCENES_SEED, slice(None, -HELD_OUT))
    crops = labelled(*load_crops(order, os.cpu_count() or 1), CPU)
    is_held = torch.arange(len(crops.labels)) % JUDGES == 0
    images = np.stack([correction.crop.image for correction in corrections])
    labels = np.array([correction.label for correction in corrections])
    return FinetuneData(
        taught=labelled(images, labels, CPU),
        occasions=torch.tensor(number_occasions(corrections)),
        mnist=labelled(*load_mnist("train", data), CPU),
        crops=crops.where(~is_held),
        test=labelled(*load_mnist("test", data), CPU),
        held_crops=crops.where(is_held),
    )


def number_occasions(corrections: Sequence[Correction]) -> list[int]:
    """Return the occasion of each correction, the oldest first, counted from 0.

    Frames of one digit are as good as one: some of them taught and others judging would flatter.
    """
    numbers: list[int] = []
    latest: dict[tuple[str, int], tuple[float, int]] = {}
    for one in corrections:
        digit = (one.crop.camera, one.label)
        said_at, number = latest.get(digit, (-math.inf, -1))
        if one.at - said_at > OCCASION_S:
            number = max(numbers, default=-1) + 1
        latest[digit] = (one.at, number)
        numbers.append(number)
    return numbers


# -------------------------------------------------------------------------------------------------------- evaluation


@dataclass(frozen=True, slots=True)
class Figure:
    """How many of n are right before and after, and how many fewer there may be."""

    name: str
    n: int
    before: int
    after: int
    room: float

    @property
    def is_worse(self) -> bool:
        """Whether too many are read wrong now."""
        return self.after < self.before - self.room

    def __str__(self) -> str:
        return f"{self.name:24}{self.n:6,}   {self.before / self.n:9.2%}{self.after / self.n:9.2%}"


def judge(before: nn.Module, after: nn.Module, sets: FinetuneData) -> list[Figure]:
    """Return what was taught, and what may not have been forgotten."""
    return [
        compare("corrections", before, after, sets.taught, errors=0),
        compare("MNIST test", before, after, sets.test, errors=1),
        compare("crops of scenes", before, after, sets.held_crops, errors=1),
    ]


def judge_left_out(before: nn.Module, sets: FinetuneData, recipe: FinetuneRecipe) -> list[Figure]:
    """Return how corrections are read by a network that was taught those of other occasions; none for a few."""
    if int(sets.occasions.max()) + 1 < LEAST_OCCASIONS:
        return []
    is_left_out = sets.occasions % JUDGES == 0
    after = teach(before, sets.taught.where(~is_left_out), sets.kept, recipe)
    return [compare("corrections left out", before, after, sets.taught.where(is_left_out), errors=math.inf)]


def compare(name: str, before: nn.Module, after: nn.Module, part: Labelled, errors: float) -> Figure:
    """Return a figure that may be worse by so many of its standard errors: one is what n other images would change."""
    n, right = len(part.labels), count_right(before, part)
    return Figure(name, n, right, count_right(after, part), room=errors * math.sqrt(right * (n - right) / n))


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # the pipeline that may run beside it goes first
    main()
