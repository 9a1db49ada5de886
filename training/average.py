"""The mean of a network's weights over its last steps, which does better than the last step's weights."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Update = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]


def start_mean(network: nn.Module, decay: float) -> AveragedModel:
    """Return the exponential mean of a network's weights and of what its normalisations have counted."""
    return AveragedModel(network, multi_avg_fn=update_by(decay), use_buffers=True)


def update_by(decay: float) -> Update:
    """Return a step of the mean; young means forget faster, or the first random weights would stay in them for long."""

    @torch.no_grad()
    def update(means: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        share = max(1 - decay, 9 / (10 + int(count)))
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)

    return update
