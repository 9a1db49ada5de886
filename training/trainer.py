"""The training loop of the detector and the classifier.

AdamW with warm-up and a cosine. The exponential mean of the weights is what is evaluated and shipped. The run is saved
at each check; with `--resume` it continues from the last one, to the same weights as an unbroken run.
"""

import argparse
import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from shared.networks.architectures import NETWORKS
from training.resume import Stateful, load_run, save_run
from training.step_graphs import Batch, StepGraphs

CHECK_EVERY = 1000  # steps

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
    average: nn.Module  # the exponential mean of the weights and of the batch statistics
    optimiser: torch.optim.AdamW
    share: Tensor  # of the weights in their mean, at this step
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
        update = partial(self.update, compute_loss)
        take_step = StepGraphs(update) if self.device.type == "cuda" else update
        with tqdm(total=self.recipe.steps, initial=self.step, desc=self.name, mininterval=10) as bar:
            for batches in rounds:
                losses = []
                for batch in batches:
                    self.schedule_step()
                    losses.append(take_step(batch))
                self.losses += torch.stack(losses).tolist()  # read once a round: each reading makes a GPU wait
                bar.update(len(batches))
                if self.step % CHECK_EVERY < len(batches) or self.step >= self.recipe.steps:
                    self.checks.append({"step": self.step} | evaluate(self.average))
                    tqdm.write(f"loss {np.mean(self.losses[-CHECK_EVERY:]):.3f}, {self.checks[-1]}")
                    save_run(self.path, asdict(self.recipe), self.parts, self.progress)

    def schedule_step(self) -> None:
        """Set the next step's learning rate and share of the mean, and count it."""
        for group in self.optimiser.param_groups:
            group["lr"].fill_(self.recipe.learning_rate * schedule(self.recipe, self.step))
        # a young mean forgets faster, or the first random weights would stay in it for long
        self.share.fill_(max(1 - self.recipe.decay, 9 / (10 + self.step)))
        self.step += 1

    def update(self, compute_loss: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
        """Take one step and return the loss."""
        self.optimiser.zero_grad()
        loss = compute_loss(batch)
        torch.autograd.backward(loss)
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        self.update_average()
        return loss.detach()

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the mean towards the weights."""
        means, values = ((*each.parameters(), *each.buffers()) for each in (self.average, self.network))
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, self.share)

    def copy_average(self) -> nn.Module:
        """Return a network with the mean weights, on the CPU, in eval mode."""
        network = NETWORKS[self.name]().eval()
        network.load_state_dict({key: value.cpu() for key, value in self.average.state_dict().items()})
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
    torch.backends.cudnn.benchmark = True  # batches have few shapes
    network = NETWORKS[name]()
    device = torch.device(options.device)
    # 1.4 to 1.5 times as fast on a CPU as channels first
    network = network.to(device).to(memory_format=torch.channels_last)
    trainer = Trainer(
        name=name,
        recipe=recipe,
        network=network,
        average=copy.deepcopy(network),
        optimiser=torch.optim.AdamW(
            network.parameters(),
            torch.tensor(recipe.learning_rate, device=device),  # tensors, so that a recorded step reads new values
            weight_decay=recipe.weight_decay,
            fused=True,
            capturable=device.type == "cuda",
        ),
        share=torch.tensor(1.0, device=device),
        device=device,
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
