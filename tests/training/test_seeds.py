"""The mean of several trainings: of one recipe, with the spread, as the checkpoints have it."""

from pathlib import Path

import pytest
import torch

from training import seeds
from training.seeds import Seeded


def keep(folder: Path, seed: int, test: float, steps: int = 10) -> str:
    path = folder / f"{seed}-{steps}.pt"
    torch.save({"recipe": {"seed": seed, "steps": steps}, "figures": {"test": test, "test_alone": test + 0.001}}, path)
    return str(path)


def test_the_record_has_each_training_and_the_rows_their_means(tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    seeds.main([keep(tmp_path, 1, 0.99), keep(tmp_path, 0, 0.98), "--out", str(out)])
    assert seeds.load(out) == [Seeded(0, 0.98, 0.98 + 0.001), Seeded(1, 0.99, 0.99 + 0.001)]
    values = {row.what: (round(row.value, 6), row.n) for row in seeds.to_rows(seeds.load(out))}
    assert values["accuracy, mean of trainings"] == (0.985, 2)
    assert values["accuracy, standard deviation of trainings"] == (0.007071, 2)


def test_trainings_of_two_recipes_have_no_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        seeds.main([keep(tmp_path, 0, 0.98), keep(tmp_path, 1, 0.99, steps=20), "--out", str(tmp_path / "record.json")])
    assert "2 recipes" in capsys.readouterr().err
    assert not (tmp_path / "record.json").exists()
