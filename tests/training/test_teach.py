"""How far a network goes towards what it was taught."""

import pytest
import torch
from torch import Tensor, nn

from training.classifier import Labelled
from training.teach import go_back

SIX, FIVE = 6, 5
TAUGHT = Labelled(torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.full((3,), SIX))


def always_says(bias: Tensor) -> nn.Module:
    """A network that gives every image these logits."""
    layer = nn.Linear(784, 11)
    nn.init.zeros_(layer.weight)
    layer.bias.data = bias
    return nn.Sequential(nn.Flatten(), layer)


def biases(network: nn.Module) -> Tensor:
    return dict(network.named_parameters())["1.bias"].detach()


def test_network_goes_back_as_far_as_it_knows_what_it_learned() -> None:
    before, learned = torch.zeros(11), torch.zeros(11)
    before[FIVE] = learned[FIVE] = 1.0
    learned[SIX] = 2.0
    assert biases(go_back(always_says(before), always_says(learned), TAUGHT))[SIX] == pytest.approx(1.2)


def test_network_that_needs_all_the_way_stays_there() -> None:
    before, learned = torch.zeros(11), torch.zeros(11)
    before[FIVE] = learned[FIVE] = 1.0
    learned[SIX] = 1.05
    assert biases(go_back(always_says(before), always_says(learned), TAUGHT))[SIX] == pytest.approx(1.05)
