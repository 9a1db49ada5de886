"""Labelled images on the device that trains, and what a network predicts for them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.data import Split, load_mnist

BATCH = 1000  # images that are predicted at once
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images (uint8, N x 1 x 28 x 28) and their labels (int64, N).

    One tensor, not a DataLoader: MNIST is 47 MB, and handing it out image by image takes longer than the network does.
    """

    images: Tensor
    labels: Tensor

    def select(self, chosen: Tensor | slice) -> "LabelledImages":
        return LabelledImages(self.images[chosen], self.labels[chosen])


def to_tensors(images: NDArray[np.uint8], labels: NDArray[np.uint8], device: torch.device = CPU) -> LabelledImages:
    """Return images (N x 28 x 28) and labels as tensors on the device."""
    return LabelledImages(torch.from_numpy(images)[:, None].to(device), torch.from_numpy(labels).long().to(device))


def load_mnist_tensors(split: Split, root: Path, device: torch.device = CPU) -> LabelledImages:
    return to_tensors(*load_mnist(split, root), device)


def to_input(images: Tensor) -> Tensor:
    """Scale 0..255 to 0..1, in training and at test alike (torchvision's ToTensor)."""
    return images.float() / 255


def predict_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of images (uint8), in eval mode."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(to_input(batch)) for batch in torch.split(images, BATCH)])


def count_confusions(logits: Tensor, labels: Tensor) -> NDArray[np.int64]:
    """Return the confusion matrix: rows are the true classes, columns the predicted ones."""
    classes = logits.shape[1]
    pairs = labels * classes + logits.argmax(dim=1)
    return np.asarray(torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).cpu().numpy(), np.int64)
