"""The mean of several networks of one kind lies between them, and is written as a training writes its result."""

from pathlib import Path

import pytest
import torch

from shared.networks.architectures import BlogCNN, ClassifierCNN, DetectorCNN, load_checkpoint, save_checkpoint
from shared.networks.runtimes import load_network
from training.weight_averaging import average_networks, main


def test_a_network_that_is_named_twice_counts_twice() -> None:
    first, other = ClassifierCNN().eval(), ClassifierCNN().eval()
    averaged = average_networks([first, first, other])
    for name, value in averaged.state_dict().items():
        if value.is_floating_point():
            expected = (2 * first.state_dict()[name] + other.state_dict()[name]) / 3
            assert torch.allclose(value, expected, atol=1e-6)


@pytest.mark.slow
def test_the_mean_of_the_same_network_is_that_network(tmp_path: Path) -> None:
    network = DetectorCNN().eval()
    for name in ("a", "b"):
        save_checkpoint(tmp_path / f"{name}.pt", "detector", network, {}, {})
    main([str(tmp_path / "a.pt"), str(tmp_path / "b.pt"), "--out", str(tmp_path / "out")])
    gray = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        expected = network(gray)
        assert torch.allclose(load_checkpoint(tmp_path / "out" / "detector.pt")(gray), expected, atol=1e-5)
    output = load_network(tmp_path / "out" / "detector.onnx")(gray.numpy())
    assert torch.allclose(torch.from_numpy(output), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        ({"detector": DetectorCNN, "classifier": ClassifierCNN}, "can't be averaged with each other"),
        ({"blog": BlogCNN}, "only detectors and classifiers can be averaged"),
        ({}, "is not there"),
    ],
)
def test_other_networks_are_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kinds: dict[str, type[torch.nn.Module]], why: str
) -> None:
    for name, kind in kinds.items():
        save_checkpoint(tmp_path / f"{name}.pt", name, kind(), {}, {})
    with pytest.raises(SystemExit):
        main([str(tmp_path / f"{name}.pt") for name in kinds or ["missing"]])
    assert why in capsys.readouterr().err
