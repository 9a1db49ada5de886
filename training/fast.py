"""Learns MNIST in seconds of CPU: every training image is seen once, and 99 % of the test images are read right.

`python -m training.train --preset fast` trains ten times and says how well and how dear: docs/accuracy.md has the
figures, with machine and n, docs/decisions/0014-each-digit-once.md what was tried. Once is enough because the filters
learn by Muon (Jordan and others, 2024, https://kellerjordan.github.io/posts/muon), and seconds are enough because the
first convolution keeps one place in four, and none is padded.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.blog import EVALUATION_BATCH, Digits, to_input

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class FastRecipe:
    """How the network is trained: chosen on training images held out (`--held-out`), not on the test images."""

    epochs: float = 1.0
    batch: int = 256
    turn: float = 0.24  # a filter's step, as a share of the filter's length
    momentum: float = 0.6
    learning_rate: float = 0.04  # Adam's, of all that is no filter
    smoothing: float = 0.1  # of the labels
    warm_up: float = 0.2  # of the steps; then down in a line
    end: float = 0.02  # of the rates, at the last step as at the first
    seed: int = 0


# ----------------------------------------------------------------------------------------------------------- network


def make_network() -> nn.Sequential:
    """Return the network, 26,570 parameters: N x 1 x 28 x 28 in 0 to 1 gives N x 10 logits."""
    return nn.Sequential(
        *convolve(1, 16, kernel=4, stride=2),  # 13 x 13
        *convolve(16, 32, kernel=3, stride=2),  # 6 x 6
        *convolve(32, 48, kernel=3, stride=1),  # 4 x 4
        nn.Flatten(),
        nn.Linear(48 * 4 * 4, 10),
    ).to(memory_format=torch.channels_last)


def convolve(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    """Return a convolution without padding, normalised over the batch, then cut off below 0."""
    # there are few batches to learn mean and spread from, so each counts for more than torch's tenth
    return nn.Conv2d(inputs, outputs, kernel, stride, bias=False), nn.BatchNorm2d(outputs, momentum=0.3), nn.ReLU()


# -------------------------------------------------------------------------------------------------------------- Muon


class Muon:
    """Turns filters by their momentum made orthogonal, so that rare directions are learnt as fast as common ones.

    A filter keeps its length, which says nothing before a batch normalisation: so a step is a share of it. (torch's own
    Muon takes matrices only.)
    """

    def __init__(self, filters: Iterable[nn.Parameter], momentum: float) -> None:
        self.momentum = momentum
        self.filters = [(each, torch.zeros_like(each)) for each in filters]

    @torch.no_grad()
    def step(self, turn: float) -> None:
        """Move each filter by what its gradient and those before it say (Nesterov's momentum)."""
        for each, mean in self.filters:
            if each.grad is None:
                continue
            mean.lerp_(each.grad, 1 - self.momentum)
            direction = orthogonalise(each.grad.lerp(mean, self.momentum).flatten(1))
            each.mul_(math.sqrt(len(each)) / each.norm())
            each.sub_(direction.view_as(each), alpha=turn)


def orthogonalise(matrix: Tensor, rounds: int = 4) -> Tensor:
    """Return the matrix with its singular values brought near 1, by Newton and Schulz's iteration.

    The coefficients are Jordan's: steep at 0, so that small values come up in few rounds. Those that are a tenth of
    the largest and more end between 0.6 and 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    near: Tensor = wide / (wide.norm() + 1e-7)
    for _ in range(rounds):
        square = near @ near.T
        near = a * near + (b * square + c * square @ square) @ near
    return near if wide is matrix else near.T


# -------------------------------------------------------------------------------------------------------------- loop


def train(recipe: FastRecipe, digits: Digits) -> nn.Sequential:
    """Return a network that has seen the digits."""
    torch.manual_seed(recipe.seed)
    network, images = make_network(), to_input(digits.images)
    filters = [parameter for parameter in network.parameters() if parameter.ndim == images.ndim]
    others = [parameter for parameter in network.parameters() if parameter.ndim < images.ndim]
    muon = Muon(filters, recipe.momentum)
    adam = torch.optim.Adam(others, betas=(0.9, 0.95), fused=True)
    batches = draw_batches(recipe, len(images))
    for step, chosen in enumerate(batches):
        share = find_share(recipe, step / len(batches))
        logits = network(images[chosen])
        loss = functional.cross_entropy(logits, digits.labels[chosen], label_smoothing=recipe.smoothing)
        network.zero_grad()
        torch.autograd.backward(loss)
        adam.param_groups[0]["lr"] = recipe.learning_rate * share
        adam.step()
        muon.step(recipe.turn * share)
    return network.eval()


def draw_batches(recipe: FastRecipe, count: int) -> list[Tensor]:
    """Return which images each step sees; what is left over at the end of an epoch begins the next."""
    order = torch.cat([torch.randperm(count) for _ in range(math.ceil(recipe.epochs))])
    steps = max(1, int(recipe.epochs * count) // recipe.batch)
    return list(torch.split(order[: steps * recipe.batch], recipe.batch))


def find_share(recipe: FastRecipe, done: float) -> float:
    """Return which share of its rates a step takes, when so much (0 to 1) of the training is done."""
    up, down = done / recipe.warm_up, (1 - done) / (1 - recipe.warm_up)
    return recipe.end + (1 - recipe.end) * min(up, down)


# ----------------------------------------------------------------------------------------------------------- answers


def answer(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of images (uint8, N x 1 x 28 x 28)."""
    with torch.inference_mode():
        return torch.cat([network(to_input(part)) for part in torch.split(images, EVALUATION_BATCH)])


def answer_five_times(network: nn.Module, images: Tensor) -> Tensor:
    """Return the mean logits of images as they are, and moved by a pixel to each side."""
    moves = ((0, 0), (-1, 2), (1, 2), (-1, 3), (1, 3))
    return torch.stack([answer(network, images.roll(*move)) for move in moves]).mean(dim=0)
