"""Figures on images of one digit each: MNIST, other writers, and the rejection of images without a digit."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.networks.runtimes import Network
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import normalise
from training.evaluate.figures import Figure, make_share

BATCH = 500

Images = NDArray[np.float32]  # n x 28 x 28, 0 to 1
Labels = NDArray[np.uint8]


def predict(network: Network, images: Images) -> NDArray[np.float32]:
    """Return the logits of images."""
    parts = [network(images[start : start + BATCH, None]) for start in range(0, len(images), BATCH)]
    return np.concatenate(parts)


def measure_accuracy(data: str, networks: Mapping[str, Network], images: Images, labels: Labels) -> Iterator[Figure]:
    """Yield each network's accuracy; if it has the class "not a digit", also that of its ten digits alone."""
    for name, network in networks.items():
        logits = predict(network, images)
        right = logits.argmax(axis=1) == labels
        yield make_share(data, name, "accuracy", hits=int(right.sum()), n=len(labels))
        if logits.shape[1] > NOT_A_DIGIT:
            right = logits[:, :NOT_A_DIGIT].argmax(axis=1) == labels
            yield make_share(data, name, "accuracy, digits alone", hits=int(right.sum()), n=len(labels))


def measure_writers(networks: Mapping[str, Network], folder: Path) -> Iterator[Figure]:
    """Yield the accuracy on each .npz file of images (any size, dark or bright ink) and labels, normalised."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            pictures, labels = file["images"], file["labels"]
        ink = pictures if np.median(pictures) < 128 else 255 - pictures
        # pixels below a sixth of the strongest are paper
        images = [normalise(np.where(each > each.max() / 6, each, 0).astype(np.uint8)) for each in ink]
        blank = np.zeros((28, 28), np.float32)
        stacked = np.stack([blank if image is None else image for image in images])
        yield from measure_accuracy(f"other writers: {path.stem}", networks, stacked, labels)


def measure_rejection(network: Network, name: str, digits: Images, negatives: Mapping[str, Images]) -> Iterator[Figure]:
    """Yield how many digits are accepted, and for each kind of negatives its AUROC and how many are accepted."""
    digit_log_p = log_p_of_digit(network, digits)
    accepted = int((digit_log_p > math.log(0.5)).sum())
    yield make_share("rejection: digits of scenes", name, "accepted", hits=accepted, n=len(digits))
    for kind, images in negatives.items():
        log_p = log_p_of_digit(network, images)
        auroc = (np.searchsorted(np.sort(log_p), digit_log_p) / len(log_p)).mean()
        yield Figure(f"rejection: {kind}", name, "AUROC", float(auroc), len(log_p))
        accepted = int((log_p > math.log(0.5)).sum())
        yield make_share(f"rejection: {kind}", name, "accepted", hits=accepted, n=len(log_p))


def log_p_of_digit(network: Network, images: Images) -> NDArray[np.float64]:
    """Return the log-probability that an image is a digit."""
    logits = predict(network, images).astype(np.float64)
    return np.asarray(np.logaddexp.reduce(logits[:, :NOT_A_DIGIT], axis=1) - np.logaddexp.reduce(logits, axis=1))
