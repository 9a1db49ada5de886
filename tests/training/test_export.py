"""An ONNX file is written only if its outputs are torch's."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.export import export_onnx, hash_recipe


class Shift(nn.Module):
    """Adds what `by` is at the moment: after the export it can be made to differ."""

    def __init__(self) -> None:
        super().__init__()
        self.by = 1.0
        self.layer = nn.Linear(3, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        shifted: Tensor = self.layer(inputs) + self.by
        return shifted


def test_network_that_answers_differently_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Shift().eval()

    def drift(model: object) -> object:
        network.by = 1.01
        return model

    monkeypatch.setattr("training.export.strip_origins", drift)
    with pytest.raises(ValueError, match=r"differ from torch's by 0\.01"):
        export_onnx(tmp_path / "x.onnx", network, torch.zeros(2, 3), {"name": "x"})
    assert not (tmp_path / "x.onnx").exists()


def test_version_changes_with_any_setting_and_with_nothing_else() -> None:
    recipe = {"epochs": 15, "batch": 100}
    assert hash_recipe(recipe) == hash_recipe({"batch": 100, "epochs": 15})
    assert hash_recipe(recipe) != hash_recipe(recipe | {"epochs": 16})
