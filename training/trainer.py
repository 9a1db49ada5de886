"""The training loop of the detector and the classifier.

AdamW with warm-up and a cosine. The exponential mean of the weights is what is evaluated and shipped. The run is saved
at each check; with `--resume` it continues from the last one, to the same weights as an unbroken run.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from shared.networks.architectures import NETWORKS, load_checkpoint
from training.resume import Stateful, load_run, save_run

CHECK_EVERY = 1000  # steps

Batch = TypeVar("Batch")
Recipe = TypeVar("Recipe", bound="TrainingRecipe")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """The settings that both recipes have. A checkpoint carries its whole recipe."""

    steps: int
    learning_rate: float = 3e-3
    weight_decay: float
    warm_up: float  # share of the steps
    min_rate: float  # share of the learning rate at the end of the cosine
    decay: float  # of the exponential mean of the weights
    clip_norm: float | None = None
    seed: int = 0


def add_options(parser: argparse.ArgumentParser, recipe: TrainingRecipe) -> None:
    parser.add_argument("--steps", type=int, default=recipe.steps, help=f"default: {recipe.steps}")
    parser.add_argument("--learning-rate", type=float, default=recipe.learning_rate)
    parser.add_argument("--seed", type=int, default=recipe.seed)
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the results (default: runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of MNIST and fonts (default: data)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that make scenes (default: 1)")
    parser.add_argument("--resume", action="store_true", help="continue from the last check")
    parser.add_argument("--init-from", type=Path, help="checkpoint with the weights to start from")


def apply_options(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    """Return the recipe with every setting that the command line has an option for."""
    names = [field.name for field in fields(recipe) if hasattr(options, field.name)]
    return replace(recipe, **{name: getattr(options, name) for name in names})


@dataclass(slots=True)
class Trainer:
    """A network in training, with all that a resumed run needs."""

    name: str  # of the network and of its files
    recipe: TrainingRecipe
    network: nn.Module
    average: AveragedModel
    optimiser: torch.optim.AdamW
    device: torch.device
    out: Path
    step: int = 0
    losses: list[float] = field(default_factory=list)
    checks: list[dict[str, float]] = field(default_factory=list)

    def fit(
        self,
        rounds: Iterable[Sequence[Batch]],
        compute_loss: Callable[[Batch], Tensor],
        evaluate: Callable[[nn.Module], dict[str, float]],
    ) -> None:
        """Take a step for each batch; after a round, evaluate the mean weights and save the run if a check is due."""
        self.network.train()
        with tqdm(total=self.recipe.steps, initial=self.step, desc=self.name, mininterval=10) as bar:
            for batches in rounds:
                # read once a round: reading each loss would make a GPU wait for it
                self.losses += torch.stack([self.update(compute_loss(batch)) for batch in batches]).tolist()
                bar.update(len(batches))
                if self.step % CHECK_EVERY < len(batches) or self.step >= self.recipe.steps:
                    self.checks.append({"step": self.step} | evaluate(self.average.module))
                    tqdm.write(f"loss {np.mean(self.losses[-CHECK_EVERY:]):.3f}, {self.checks[-1]}")
                    save_run(self.path, asdict(self.recipe), self.parts, self.progress)

    def update(self, loss: Tensor) -> Tensor:
        """Take one step and return the loss."""
        rate = self.recipe.learning_rate * schedule(self.recipe, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return loss.detach()

    def copy_average(self) -> nn.Module:
        """Return a network with the mean weights, on the CPU, in eval mode."""
        network = NETWORKS[self.name]().eval()
        network.load_state_dict({key: value.cpu() for key, value in self.average.module.state_dict().items()})
        return network

    @property
    def path(self) -> Path:
        """The file that a stopped run continues from."""
        return self.out / f"{self.name}.resume.pt"

    @property
    def parts(self) -> dict[str, Stateful]:
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}

    @property
    def progress(self) -> dict[str, Any]:
        return {"step": self.step, "losses": self.losses, "checks": self.checks}


def start_trainer(name: str, recipe: TrainingRecipe, options: argparse.Namespace) -> Trainer:
    """Return a new trainer, or with --resume the saved one."""
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = NETWORKS[name]()
    if options.init_from:
        network.load_state_dict(load_checkpoint(options.init_from).state_dict())
    # 1.4 to 1.5 times as fast on a CPU as channels first
    network = network.to(torch.device(options.device)).to(memory_format=torch.channels_last)
    trainer = Trainer(
        name=name,
        recipe=recipe,
        network=network,
        average=average_exponentially(network, recipe.decay),
        optimiser=torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay),
        device=torch.device(options.device),
        out=options.out,
    )
    if options.resume:
        for key, value in load_run(trainer.path, asdict(recipe), trainer.parts, trainer.device).items():
            setattr(trainer, key, value)
    return trainer


def schedule(recipe: TrainingRecipe, step: int) -> float:
    """Return the share of the learning rate at a step: a linear warm-up times a cosine."""
    warm_up = min(1, (step + 1) / (recipe.warm_up * recipe.steps))
    return warm_up * max(recipe.min_rate, (1 + math.cos(math.pi * step / recipe.steps)) / 2)


def average_exponentially(network: nn.Module, decay: float) -> AveragedModel:
    """Return the exponential mean of a network's weights and batch statistics.

    A young mean forgets faster, or the first random weights would stay in it for long.
    """

    @torch.no_grad()
    def update(means: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        share = max(1 - decay, 9 / (10 + int(count)))
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)
