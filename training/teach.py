"""A network learns a few new images, and goes on answering all others as before.

Of everything else, MNIST and crops of scenes, it is to say what it said (Li and Hoiem, "Learning without Forgetting",
2016): labels would undo how "not a digit" was set. Then it goes back as far as it knows the new images still: between
two networks of which one was trained on into the other lie some that forget less (Wortsman et al., "Robust fine-tuning
of zero-shot models", 2022).
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from training.classifier import Labelled, answer, draw_batch

STEPS_BACK = 10


@dataclass(frozen=True, slots=True)
class FinetuneRecipe:
    """How it is taught: AdamW with a cosine; of each batch so many are corrections, MNIST's images, crops of scenes."""

    steps: int = 300
    corrections: int = 32
    mnist: int = 64
    crops: int = 64
    learning_rate: float = 5e-4
    seed: int = 0


def teach(before: nn.Module, taught: Labelled, kept: tuple[Labelled, Labelled], recipe: FinetuneRecipe) -> nn.Module:
    """Return the network with the taught images learned; kept are MNIST's and crops of scenes."""
    after = copy.deepcopy(before)  # as it infers: a few corrections do not change batch normalisation's statistics
    optimiser = torch.optim.AdamW(after.parameters(), recipe.learning_rate, weight_decay=0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    random = torch.Generator().manual_seed(recipe.seed)
    parts = tuple(zip((taught, *kept), (recipe.corrections, recipe.mnist, recipe.crops), strict=True))
    for _ in tqdm(range(recipe.steps), desc="learn", mininterval=5):
        loss = find_loss(before, after, *draw_batch(parts, random), recipe.corrections)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return go_back(before, after, taught)


def find_loss(before: nn.Module, after: nn.Module, images: Tensor, labels: Tensor, corrections: int) -> Tensor:
    """Return the loss: of so many corrections how wrong they are read, of the rest how far from before (in nats)."""
    logits = after(images)
    wrong = functional.cross_entropy(logits[:corrections], labels[:corrections])
    with torch.no_grad():
        said = before(images[corrections:]).log_softmax(dim=1)
    now = logits[corrections:].log_softmax(dim=1)
    return wrong + functional.kl_div(now, said, reduction="batchmean", log_target=True)


def go_back(before: nn.Module, after: nn.Module, taught: Labelled) -> nn.Module:
    """Return the network nearest to before, on the straight way to after, that reads as many taught images right."""
    right = count_right(after, taught)
    ways = (between(before, after, step / STEPS_BACK) for step in range(1, STEPS_BACK))
    return next((network for network in ways if count_right(network, taught) >= right), after)


def between(before: nn.Module, after: nn.Module, share: float) -> nn.Module:
    """Return the network whose weights have gone that share of the way, 0 to 1."""
    network, weights = copy.deepcopy(before), dict(after.named_parameters())
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.lerp_(weights[name], share)
    return network


def count_right(network: nn.Module, part: Labelled) -> int:
    """Return how many get their own label; "not a digit" is one of eleven."""
    return int((answer(network, part.images).argmax(dim=1) == part.labels).sum())
