"""The networks in torch, and the checkpoints they are kept in: for training, and for the torch backend of inference."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class SeedCNN(nn.Module):
    """The network of the blog post this project grew from: two convolutions and one linear layer, 50,186 parameters.

    Takes N x 1 x 28 x 28 float32 in 0 to 1, ink bright on black; gives N x 10 logits, of 0 to 9.
    """

    def __init__(self) -> None:
        super().__init__()
        head = nn.Linear(7 * 7 * 64, 10)
        nn.init.xavier_uniform_(head.weight)
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            head,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of each image."""
        logits: Tensor = self.layers(images)
        return logits


NETWORKS: dict[str, Callable[[], nn.Module]] = {"seed": SeedCNN}


def save_checkpoint(
    path: Path, name: str, network: nn.Module, recipe: dict[str, Any], figures: dict[str, float]
) -> None:
    """Keep a trained network with the recipe it was trained by and the figures it reached."""
    state = {key: value.cpu() for key, value in network.state_dict().items()}
    torch.save({"network": name, "recipe": recipe, "state": state, "figures": figures}, path)


def load_checkpoint(path: Path) -> nn.Module:
    """Return the network of a checkpoint, on the CPU, ready to infer.

    Nothing in the file is executed (weights_only). Raises ValueError, in one sentence, for anything but such a file.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        network = NETWORKS[checkpoint["network"]]()
        network.load_state_dict(checkpoint["state"])
    except FileNotFoundError:
        raise ValueError(f"{path} is not there") from None
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a checkpoint of {' or '.join(NETWORKS)}, or is damaged") from error
    return network.eval()
