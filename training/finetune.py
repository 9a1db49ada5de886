"""Fine-tunes the classifier on the corrections that users made: `digitcam learn`.

It starts from the shipped weights each time, so a deleted correction has no effect any more. The new weights are
installed only if they read more corrections right than the shipped ones, and are not worse on MNIST and on crops of
scenes.

For everything but the corrections the target is the shipped classifier's own output (Li and Hoiem, "Learning without
Forgetting", 2016): labels would undo the calibration of "not a digit". Then the weights are interpolated back towards
the shipped ones as far as the corrections stay right (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
"""

import argparse
import copy
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
from torch.nn import functional
from tqdm import tqdm

from shared.networks import layers
from shared.networks.architectures import load_checkpoint, save_checkpoint
from shared.settings import ConfigError, Settings, load_settings
from shared.vision.corrections import Correction, CorrectionStore
from shared.vision.reload import find_learned_weights, find_shipped_weights, load_classifier
from training.classifier import draw_batch
from training.crops import CropSet, load_crops
from training.data import HELD_OUT
from training.export import export_layers, export_onnx
from training.images import LabelledImages, load_mnist_tensors, predict_logits, to_input, to_tensors

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneRecipe:
    """AdamW with a cosine; a batch has this many corrections, MNIST images and crops of scenes."""

    steps: int = 300
    corrections: int = 32
    mnist: int = 64
    crops: int = 64
    learning_rate: float = 5e-4
    seed: int = 0


SCENES, SCENES_SEED = 500, 5_000_000  # their crops stand for everything that a camera sees; made once, in a minute
VALIDATION_EVERY = 5  # every fifth crop, and every fifth group of corrections, is for validation
GROUP_S = 60.0  # corrections to the same label on the same camera that follow within this time are one group
MIN_GROUPS = 10  # fewer leave too few for validation
INTERPOLATION_STEPS = 10


def main(words: list[str] | None = None) -> None:
    """Fine-tune on this machine's corrections; exit with 1 if the active weights stay."""
    parser = argparse.ArgumentParser(prog="digitcam learn", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with MNIST/raw, fetched where needed")
    parser.add_argument("--steps", type=int, default=FinetuneRecipe().steps)
    options = parser.parse_args(words)
    if options.steps < 1:
        parser.error("--steps is 1 or more")
    try:
        sys.exit(learn(load_settings(), options.data, FinetuneRecipe(steps=options.steps)))
    except (ConfigError, ValueError, OSError) as error:
        sys.exit(f"digitcam learn: {error}")
    except KeyboardInterrupt:
        sys.exit("digitcam learn: stopped, the active weights stay")


def learn(settings: Settings, data: Path, recipe: FinetuneRecipe) -> int:
    """Fine-tune, evaluate, and install the new weights; return 1 if the active ones stay. Raises what main reports."""
    learned, before = find_learned_weights(settings), load_checkpoint(find_shipped_weights(settings).with_suffix(".pt"))
    corrections = load_corrections(settings)
    if count_right(before, make_images(corrections)) == len(corrections):
        print("The active weights stay: the shipped ones already read every correction right.")
        return 1
    sets = load_data(settings, data, corrections)
    after = finetune(before, sets.corrections, sets.others, recipe)
    comparisons = [*evaluate(before, after, sets), *evaluate_held_out(before, sets, recipe)]
    print("\n".join(["", f"{'':33}{'shipped':>9}{'new':>9}{'needed':>9}", *map(str, comparisons)]))
    worse = [comparison.name for comparison in comparisons if comparison.is_worse]
    if worse:
        print(f"The active weights stay: the new ones read too few right of {' and '.join(worse)}.")
        return 1
    version = install(after, learned, sets.test.images[:64], asdict(recipe))
    print(f"The classifier is now {version}; running workers load it within a second. Undo: `digitcam learn --undo`.")
    return 0


def install(network: nn.Module, learned: Path, example: Tensor, recipe: dict[str, Any]) -> str:
    """Write weights as the learned ones, completely or not at all, and return their version."""
    learned.parent.mkdir(parents=True, exist_ok=True)
    draft = learned.with_name("new.onnx")
    save_checkpoint(draft.with_suffix(".pt"), "classifier", network, recipe, {})
    export_onnx(draft, network, to_input(example), {"name": "classifier", "learned_from": learned.parent.name})
    version = load_classifier(draft, "onnx", "cpu").version
    export_layers(draft)
    for suffix in (".pt", layers.SUFFIX, ".onnx"):  # in this order: workers watch the .onnx
        draft.with_suffix(suffix).replace(learned.with_suffix(suffix))
    return version


# -------------------------------------------------------------------------------------------------------------- data


def load_corrections(settings: Settings) -> Sequence[Correction]:
    """Return all corrections, the oldest first. Raises ValueError, in one sentence, if there are none."""
    store = CorrectionStore(settings.learned_dir)
    try:
        corrections = store.fetch()
    except sqlite3.Error as error:
        raise ValueError(f"{store.path} can't be read ({error}): move it away, and correct again") from error
    if not corrections:
        raise ValueError("no corrections yet: click a digit in the web interface, and press the key of the true digit")
    return corrections[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneData:
    """Corrections with the group of each, images whose outputs must stay, and validation sets for these."""

    corrections: LabelledImages
    groups: Tensor
    mnist: LabelledImages
    crops: LabelledImages
    test: LabelledImages
    validation_crops: LabelledImages

    @property
    def others(self) -> tuple[LabelledImages, LabelledImages]:
        return self.mnist, self.crops


def load_data(settings: Settings, data: Path, corrections: Sequence[Correction]) -> FinetuneData:
    """Return the data; crops are made and MNIST is fetched if they are not there yet."""
    detector = settings.models / "detector.onnx"
    crop_set = CropSet(data, detector, SCENES, SCENES_SEED, mnist=slice(None, -HELD_OUT))
    crops = to_tensors(*load_crops(crop_set, os.cpu_count() or 1))
    is_validation = torch.arange(len(crops.labels)) % VALIDATION_EVERY == 0
    return FinetuneData(
        corrections=make_images(corrections),
        groups=torch.tensor(group_corrections(corrections)),
        mnist=load_mnist_tensors("train", data),
        crops=crops.select(~is_validation),
        test=load_mnist_tensors("test", data),
        validation_crops=crops.select(is_validation),
    )


def make_images(corrections: Sequence[Correction]) -> LabelledImages:
    """Return the crops of corrections with the labels that users gave them."""
    images = np.stack([correction.crop.image for correction in corrections])
    return to_tensors(images, np.array([correction.label for correction in corrections]))


def group_corrections(corrections: Sequence[Correction]) -> list[int]:
    """Return the group of each correction (the oldest first), counted from 0.

    Frames of one digit are nearly copies. A group lies in training or in validation as a whole, or validation flatters.
    """
    groups: list[int] = []
    latest: dict[tuple[str, int], tuple[float, int]] = {}
    for correction in corrections:
        key = (correction.crop.camera, correction.label)
        last_at, group = latest.get(key, (-math.inf, -1))
        if correction.at - last_at > GROUP_S:
            group = max(groups, default=-1) + 1
        latest[key] = (correction.at, group)
        groups.append(group)
    return groups


# -------------------------------------------------------------------------------------------------------------- loop


def finetune(
    before: nn.Module,
    corrections: LabelledImages,
    others: tuple[LabelledImages, LabelledImages],
    recipe: FinetuneRecipe,
) -> nn.Module:
    """Return the network fine-tuned on the corrections; others are MNIST and crops, whose outputs should stay."""
    after = copy.deepcopy(before)  # in eval mode: a few corrections must not change the batch statistics
    optimiser = torch.optim.AdamW(after.parameters(), recipe.learning_rate, weight_decay=0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    random = torch.Generator().manual_seed(recipe.seed)
    parts = tuple(zip((corrections, *others), (recipe.corrections, recipe.mnist, recipe.crops), strict=True))
    for _ in tqdm(range(recipe.steps), desc="learn", mininterval=5):
        loss = compute_loss(before, after, *draw_batch(parts, random), recipe.corrections)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return interpolate_back(before, after, corrections)


def compute_loss(before: nn.Module, after: nn.Module, images: Tensor, labels: Tensor, corrections: int) -> Tensor:
    """Return cross-entropy on the corrections, which come first, plus the divergence from before on the rest."""
    logits = after(images)
    error = functional.cross_entropy(logits[:corrections], labels[:corrections])
    with torch.no_grad():
        target = before(images[corrections:]).log_softmax(dim=1)
    output = logits[corrections:].log_softmax(dim=1)
    return error + functional.kl_div(output, target, reduction="batchmean", log_target=True)


def interpolate_back(before: nn.Module, after: nn.Module, corrections: LabelledImages) -> nn.Module:
    """Return the network nearest to before, on the straight line to after, with as many corrections right."""
    right = count_right(after, corrections)
    line = (interpolate(before, after, step / INTERPOLATION_STEPS) for step in range(1, INTERPOLATION_STEPS))
    return next((network for network in line if count_right(network, corrections) >= right), after)


def interpolate(before: nn.Module, after: nn.Module, share: float) -> nn.Module:
    """Return the network whose weights lie at this share, 0 to 1, of the line from before to after."""
    network, weights = copy.deepcopy(before), dict(after.named_parameters())
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.lerp_(weights[name], share)
    return network


# -------------------------------------------------------------------------------------------------------- evaluation


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many of n images are right with the shipped and with the new weights, and how many are needed."""

    name: str
    n: int
    before: int
    after: int
    needed: int

    @property
    def is_worse(self) -> bool:
        return self.after < self.needed

    def __str__(self) -> str:
        shares = (right / self.n for right in (self.before, self.after, self.needed))
        return f"{self.name:24}{self.n:6,}   {''.join(f'{share:9.2%}' for share in shares)}"


def evaluate(before: nn.Module, after: nn.Module, sets: FinetuneData) -> list[Comparison]:
    return [
        compare("corrections", before, after, sets.corrections, errors=0, gain=1),
        compare("MNIST test", before, after, sets.test, errors=1),
        compare("crops of scenes", before, after, sets.validation_crops, errors=1),
    ]


def evaluate_held_out(before: nn.Module, sets: FinetuneData, recipe: FinetuneRecipe) -> list[Comparison]:
    """Return how a network fine-tuned without a fifth of the groups reads these; nothing if there are few groups."""
    if int(sets.groups.max()) + 1 < MIN_GROUPS:
        return []
    is_held_out = sets.groups % VALIDATION_EVERY == 0
    after = finetune(before, sets.corrections.select(~is_held_out), sets.others, recipe)
    held_out = sets.corrections.select(is_held_out)
    return [compare("held-out corrections", before, after, held_out, errors=1)]


def compare(
    name: str, before: nn.Module, after: nn.Module, part: LabelledImages, *, errors: int, gain: int = 0
) -> Comparison:
    """Return a comparison that needs a gain or tolerates standard errors: one is what other images would change."""
    n, right = len(part.labels), count_right(before, part)
    tolerated = math.floor(errors * math.sqrt(right * (n - right) / n))
    return Comparison(name, n, right, count_right(after, part), right - tolerated + gain)


def count_right(network: nn.Module, part: LabelledImages) -> int:
    """Return how many images get their own label; "not a digit" is one of the eleven."""
    return int((predict_logits(network, part.images).argmax(dim=1) == part.labels).sum())


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # a running pipeline goes first
    main()
