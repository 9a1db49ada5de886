"""Recorded steps give the weights that steps taken one by one give. Needs a GPU."""

import pytest
import torch
from torch import Tensor, nn

from training.step_graphs import StepGraphs


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_recorded_steps_change_the_weights_as_others_do() -> None:
    def train(*, is_recorded: bool) -> Tensor:
        torch.manual_seed(0)
        network = nn.Linear(4, 1).to("cuda")
        optimiser = torch.optim.AdamW(network.parameters(), capturable=True)

        def step(batch: tuple[Tensor, ...]) -> Tensor:
            optimiser.zero_grad()
            loss: Tensor = network(batch[0]).square().mean()
            torch.autograd.backward(loss)
            optimiser.step()
            return loss.detach()

        take_step = StepGraphs(step) if is_recorded else step
        for count in (3, 5) * 8:  # two shapes in turn
            take_step((torch.ones(count, 4, device="cuda"),))
        return network.weight.detach().cpu()

    assert torch.allclose(train(is_recorded=True), train(is_recorded=False))
