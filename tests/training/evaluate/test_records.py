"""Records of several trainings: of one recipe, with mean and spread."""

import json
from pathlib import Path

import pytest
import torch

from training.evaluate import records
from training.evaluate.records import format_speed_record, load_speed_record, measure_seeds, measure_speed_record
from training.evaluate.report import format_report
from training.fast import SeedTraining, SpeedRecord


def make_training(recipe: str, seed: int, *figures: float) -> SeedTraining:
    names = ("accuracy", "accuracy_one_view", "cpu_s", "wall_s")
    return SeedTraining(recipe=recipe, seed=seed, **dict(zip(names, figures, strict=True)))


RECORD = SpeedRecord(
    command="python -m training.train --preset fast --seeds 2 --blog-seeds 1",
    date="2026-01-02",
    machine="a machine, 2 cores",
    threads=1,
    load=0.25,
    evaluated_on="MNIST test",
    process_cpu_s=9.5,
    trainings=(
        make_training("fast", 0, 0.991, 0.990, 4.0, 5.0),
        make_training("fast", 1, 0.993, 0.992, 6.0, 7.0),
        make_training("blog", 0, 0.988, 0.988, 600.0, 600.0),
    ),
)


def save_checkpoint(folder: Path, seed: int, test: float, steps: int = 10) -> str:
    path = folder / f"{seed}-{steps}.pt"
    torch.save({"recipe": {"seed": seed, "steps": steps}, "figures": {"test": test, "test_alone": test + 0.001}}, path)
    return str(path)


def test_figures_are_mean_and_spread_of_the_checkpoints(tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    records.main([save_checkpoint(tmp_path, 1, 0.99), save_checkpoint(tmp_path, 0, 0.98), "--out", str(out)])
    assert [training["seed"] for training in json.loads(out.read_text())] == [0, 1]
    values = {figure.metric: (round(figure.value, 6), figure.n) for figure in measure_seeds(out)}
    assert values["accuracy, mean of trainings"] == (0.985, 2)
    assert values["accuracy, digits alone, mean of trainings"] == (0.986, 2)
    assert values["accuracy, standard deviation of trainings"] == (0.007071, 2)


def test_trainings_of_two_recipes_have_no_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = [save_checkpoint(tmp_path, 0, 0.98), save_checkpoint(tmp_path, 1, 0.99, steps=20)]
    with pytest.raises(SystemExit):
        records.main([*checkpoints, "--out", str(tmp_path / "record.json")])
    assert "2 recipes" in capsys.readouterr().err
    assert not (tmp_path / "record.json").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"trainings": [{"recipe": "fast"}]})])
def test_anything_but_a_speed_record_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(SystemExit, match=r"is not a speed record, make it again: python -m training\.train"):
        load_speed_record(tmp_path / "record.json")


def test_page_shows_mean_spread_and_minimum_of_each_recipe() -> None:
    page = format_report(list(measure_speed_record(RECORD)), format_speed_record(RECORD))
    assert (
        "By `python -m training.train --preset fast --seeds 2 --blog-seeds 1` on 2026-01-02: a machine, 2 cores."
        in page
    )
    assert "| fast | 2 | 0.9920 ± 0.0014 | 0.9910 | 0.9910 ± 0.0014 | 5.00 ± 1.41 | 6.00 ± 1.41 |" in page
    assert "| blog | 1 | 0.9880 | 0.9880 | 0.9880 | 600.00 | 600.00 |" in page
    assert "| MNIST test | fast | accuracy, mean of trainings | at least 0.99 | 0.992 | met |" in page
    assert "| MNIST test | blog | accuracy, mean of trainings | at least 0.9885 | 0.988 | **missed** |" in page
