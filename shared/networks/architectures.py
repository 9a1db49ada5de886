"""The networks in torch, and the checkpoints they are kept in: for training, and for the torch backend of inference."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class BlogCNN(nn.Module):
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


class DetectorCNN(nn.Module):
    """Finds digits on a page: fully convolutional, 48,840 parameters, one cell of its maps for 8 x 8 pixels.

    Takes N x 1 x H x W float32 in 0 to 1 (grey; H and W multiples of 16); gives N x 16 x H/8 x W/8: the logit of "here
    is the middle of a digit", the logits of 0 to 9, the box (dx, dy in cells, log width and log height in units of
    24 px), and the logit of "here may be digits too small for this scale". Most blocks work at a sixteenth of the
    page's size, where they see far and cost a quarter.
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
        self.head = nn.Conv2d(fine, 16, 1)
        with torch.no_grad():
            self.head.get_parameter("bias")[0] = -4  # nearly no cell is a digit's middle: known before the first step

    def forward(self, pages: Tensor) -> Tensor:
        """Return the maps of each page."""
        near = self.stem((pages - 0.5) * 4)
        near = near + self.before(near)
        far = self.down(near)
        for block in self.blocks:
            far = far + block(far)
        near = functional.relu(near + self.up(far))
        maps: Tensor = self.head(near + self.after(near))
        return maps


class ClassifierCNN(nn.Module):
    """Reads one normalised crop: 70,651 parameters, the eleventh answer is "not a digit".

    Takes N x 1 x 28 x 28 float32 in 0 to 1, ink bright on black; gives N x 11 logits. The mean over all places before
    the last layer makes it indifferent to small shifts, and keeps it small.
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
        """Return the logits of each image."""
        logits: Tensor = self.layers(images)
        return logits


def conv_bn_relu(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution, normalised over the batch, then cut off below 0."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def separable_conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution in two parts: over the neighbourhood in each channel, then across the channels."""
    return nn.Sequential(
        conv_bn_relu(inputs, inputs, kernel, stride, groups=inputs), conv_bn_relu(inputs, outputs, kernel=1)
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {"blog": BlogCNN, "detector": DetectorCNN, "classifier": ClassifierCNN}


def save_checkpoint(
    path: Path, name: str, network: nn.Module, recipe: dict[str, Any], figures: dict[str, float]
) -> None:
    """Keep a trained network with the recipe it was trained by and the figures it reached."""
    state = {key: value.cpu() for key, value in network.state_dict().items()}
    torch.save({"network": name, "recipe": recipe, "state": state, "figures": figures}, path)


def load_checkpoint(path: Path) -> nn.Module:
    """Return the network of a checkpoint, on the CPU, ready to infer.

    Nothing in the file is executed (weights_only). Raises ValueError, in one sentence, for anything but such a file;
    what torch raises for files of random and of damaged bytes was collected over 400 of them.
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
