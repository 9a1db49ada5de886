"""The networks in torch and their checkpoints, for training and for the torch backend of inference."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.networks.detector_channels import CHANNELS, SCORE


class BlogCNN(nn.Module):
    """The baseline from the blog post: two convolutions and one linear layer, 50,186 parameters.

    Input: N x 1 x 28 x 28 float32 in 0 to 1, ink bright on black. Output: N x 10 logits, of 0 to 9.
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
        logits: Tensor = self.layers(images)
        return logits


class DetectorCNN(nn.Module):
    """Detects digits on gray frames: fully convolutional, 48,840 parameters.

    Input: N x 1 x H x W float32 in 0 to 1. Output: the maps of detector_channels.py. Most blocks work at a sixteenth of
    the input's size, where their receptive field is large and they cost a quarter.
    """

    def __init__(self, fine: int = 48, coarse: int = 80, blocks: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn_relu(1, 12, stride=2),
            separable_conv(12, 32, stride=2),
            separable_conv(32, fine, kernel=5, stride=2),
        )
        self.before = separable_conv(fine, fine, kernel=5)
        self.down = separable_conv(fine, coarse, stride=2)
        self.blocks = nn.ModuleList(separable_conv(coarse, coarse) for _ in range(blocks))
        self.up = nn.Sequential(
            nn.Conv2d(coarse, fine, 1, bias=False), nn.BatchNorm2d(fine), nn.Upsample(scale_factor=2)
        )
        self.after = separable_conv(fine, fine)
        self.head = nn.Conv2d(fine, CHANNELS, 1)
        with torch.no_grad():
            self.head.get_parameter("bias")[SCORE] = -4  # hardly any cell holds the centre of a digit

    def forward(self, grays: Tensor) -> Tensor:
        near = self.stem((grays - 0.5) * 4)
        near = near + self.before(near)
        far = self.down(near)
        for block in self.blocks:
            far = far + block(far)
        near = functional.relu(near + self.up(far))
        maps: Tensor = self.head(near + self.after(near))
        return maps


class ClassifierCNN(nn.Module):
    """Classifies normalised crops: 70,651 parameters.

    Input: N x 1 x 28 x 28 float32 in 0 to 1, ink bright on black. Output: N x 11 logits, of 0 to 9 and "not a digit".
    Global average pooling before the last layer makes it insensitive to small shifts, and keeps it small.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_bn_relu(1, 16, kernel=5),
            nn.MaxPool2d(2),
            conv_bn_relu(16, 32),
            conv_bn_relu(32, 32),
            nn.MaxPool2d(2),
            conv_bn_relu(32, 64),
            conv_bn_relu(64, 64),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, 11),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


def conv_bn_relu(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def separable_conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a depthwise separable convolution."""
    return nn.Sequential(
        conv_bn_relu(inputs, inputs, kernel, stride, groups=inputs), conv_bn_relu(inputs, outputs, kernel=1)
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {"blog": BlogCNN, "detector": DetectorCNN, "classifier": ClassifierCNN}


def save_checkpoint(
    path: Path, name: str, network: nn.Module, recipe: dict[str, Any], figures: dict[str, float]
) -> None:
    """Save a trained network with its training recipe and the figures it reached."""
    state = {key: value.cpu() for key, value in network.state_dict().items()}
    torch.save({"network": name, "recipe": recipe, "state": state, "figures": figures}, path)


def load_checkpoint(path: Path) -> nn.Module:
    """Return the network of a checkpoint, on the CPU, in eval mode.

    Nothing in the file is executed (weights_only). Raises ValueError, in one sentence, for any other file; the
    exceptions were collected from torch over 400 random and damaged files.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        network = NETWORKS[checkpoint["network"]]()
        network.load_state_dict(checkpoint["state"])
    except FileNotFoundError:
        raise ValueError(f"{path} is not there") from None
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a checkpoint of {' or '.join(NETWORKS)}, or is damaged") from error
    return network.eval()
