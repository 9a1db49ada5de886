"""Averages the weights of checkpoints: `python -m training.weight_averaging A.pt B.pt ... --out models`.

Trainings that start from the same weights end in one valley. The mean of their weights does better than each of them on
images that none was trained on (Wortsman et al., "Model soups", 2022). A checkpoint that is named twice counts twice.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from shared.networks.architectures import ClassifierCNN, DetectorCNN, load_checkpoint
from shared.networks.runtimes import hash_weights, read_weights
from training.classifier import write_classifier
from training.detector import write_detector


def main(words: list[str] | None = None) -> None:
    """Write the mean of the checkpoints as a training writes its result."""
    parser = argparse.ArgumentParser(prog="python -m training.weight_averaging", description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="all detectors, or all classifiers")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    options = parser.parse_args(words)
    try:
        network = average_networks([load_checkpoint(path) for path in options.checkpoints])
    except ValueError as error:
        parser.error(str(error))
    recipe = {"mean_of": [hash_weights(read_weights(path)) for path in options.checkpoints]}
    options.out.mkdir(parents=True, exist_ok=True)
    if isinstance(network, DetectorCNN):
        write_detector(options.out, network, recipe, {})
    elif isinstance(network, ClassifierCNN):
        write_classifier(options.out, network, recipe, {}, options.data)
    else:
        parser.error("only detectors and classifiers can be averaged")


def average_networks(networks: Sequence[nn.Module]) -> nn.Module:
    """Return a network (in eval mode) with the mean of all weights and batch statistics.

    Raises ValueError if the networks are not of one kind.
    """
    if len({type(network) for network in networks}) > 1:
        raise ValueError("detectors and classifiers can't be averaged with each other")
    states = [network.state_dict() for network in networks]
    averaged = type(networks[0])().eval()
    averaged.load_state_dict({name: average_tensors([state[name] for state in states]) for name in states[0]})
    return averaged


def average_tensors(parts: Sequence[Tensor]) -> Tensor:
    """Return the mean of tensors; of integer counters the largest."""
    stacked = torch.stack(list(parts))
    return stacked.mean(dim=0) if stacked.is_floating_point() else stacked.amax(dim=0)


if __name__ == "__main__":
    main()
