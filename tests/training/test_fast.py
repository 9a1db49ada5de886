"""The fast recipe learns in seconds, its steps are what Muon's should be, and its record says what was measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from training import blog, fast, train
from training.evaluate.__main__ import to_page
from training.fast import FastRecipe, Muon, draw_batches, find_share, orthogonalise
from training.record import FastTraining, SpeedRecord, load_record, save_record, to_lines, to_rows

from .test_blog import TEST, TRAINING, shipped, write_mnist

RECORD = SpeedRecord(
    command="python -m training.train --preset fast --seeds 2 --beside 1",
    date="2026-01-02",
    machine="a machine, 2 cores",
    threads=1,
    load=0.25,
    judged_on="MNIST test",
    whole_cpu_s=9.5,
    trainings=(
        FastTraining("fast", 0, 0.991, 0.990, 4.0, 5.0),
        FastTraining("fast", 1, 0.993, 0.992, 6.0, 7.0),
        FastTraining("blog", 0, 0.988, 0.988, 600.0, 600.0),
    ),
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_miniature_learns_digits_it_has_not_seen() -> None:
    network = fast.train(FastRecipe(epochs=4, batch=25), shipped(TRAINING))
    judges = shipped(TEST)
    right = fast.answer_five_times(network, judges.images).argmax(dim=1) == judges.labels
    assert right.double().mean() >= 0.7  # chance is 0.1


def test_training_is_repeatable() -> None:
    once, again = (fast.train(FastRecipe(batch=25, seed=3), shipped(TRAINING)).state_dict() for _ in range(2))
    assert all(torch.equal(value, again[name]) for name, value in once.items())


def test_an_epoch_shows_each_image_once() -> None:
    batches = draw_batches(FastRecipe(epochs=1, batch=8), 32)
    assert torch.cat(batches).sort().values.tolist() == list(range(32))


@pytest.mark.parametrize(("epochs", "steps"), [(0.5, 6), (1, 12), (1.2, 15)])
def test_steps_are_whole_batches_of_the_epochs(epochs: float, steps: int) -> None:
    assert [len(batch) for batch in draw_batches(FastRecipe(epochs=epochs, batch=8), 100)] == [8] * steps


@pytest.mark.parametrize(("done", "share"), [(0, 0.02), (0.1, 0.51), (0.2, 1), (0.6, 0.51), (1, 0.02)])
def test_rates_rise_and_fall_in_a_line(done: float, share: float) -> None:
    assert find_share(FastRecipe(), done) == pytest.approx(share)


@pytest.mark.parametrize("shape", [(16, 16), (32, 144), (48, 9)])
def test_rare_directions_count_as_much_as_common_ones(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    uneven = torch.linspace(1, 0.1, min(shape))
    evened = torch.linalg.svdvals(orthogonalise(left @ torch.diag(uneven) @ right))
    assert evened.min() > 0.6
    assert evened.max() < 1.2


def test_filters_move_against_their_gradient_and_keep_their_length() -> None:
    torch.manual_seed(0)
    filters = nn.Parameter(torch.randn(8, 4, 3, 3))
    target = torch.randn(8, 4, 3, 3)
    muon = Muon([filters], momentum=0.6)
    losses = []
    for _ in range(20):
        loss = ((filters / filters.norm() - target / target.norm()) ** 2).sum()
        filters.grad = None
        torch.autograd.backward(loss)
        muon.step(0.1)
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert filters.norm().item() == pytest.approx(8**0.5, rel=0.1)


def test_five_looks_are_the_mean_of_an_image_and_its_neighbours() -> None:
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[0, 0, 10, 20] = 255
    seen = fast.answer_five_times(nn.Flatten(), images).reshape(28, 28)
    assert {tuple(place) for place in seen.nonzero().tolist()} == {(10, 20), (9, 20), (11, 20), (10, 19), (10, 21)}
    assert seen.sum() == pytest.approx(1)


def test_command_line_measures_both_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path, monkeypatch)
    monkeypatch.setattr(blog, "RECIPE", replace(blog.RECIPE, epochs=2, batch=25))
    often = ["--seeds", "2", "--epochs", "3", "--beside", "1", "--beside-epochs", "1"]
    train.main(["--preset", "fast", *often, "--data", str(tmp_path), "--out", str(tmp_path)])
    record = load_record(tmp_path / "speed-record.json")
    assert [(training.who, training.seed) for training in record.trainings] == [
        ("fast", 0),
        ("fast", 1),
        ("blog, 1 of 2 epochs", 0),
    ]
    assert 0 < record.trainings[0].cpu_s < record.whole_cpu_s


@pytest.mark.parametrize(
    "words", [["--seeds", "0"], ["--beside", "-1"], ["--threads", "0"], ["--epochs", "nan"], ["--beside-epochs", "0"]]
)
def test_command_line_refuses_what_can_not_be_trained(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--preset", "fast", *words])
    assert "--seeds, --threads and --beside-epochs are at least 1" in capsys.readouterr().err


def test_record_survives_the_disk(tmp_path: Path) -> None:
    save_record(RECORD, tmp_path / "record.json")
    assert load_record(tmp_path / "record.json") == RECORD


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"trainings": [{"who": "fast"}]})])
def test_what_is_no_record_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(SystemExit, match=r"is not a speed record, make it again: python -m training\.train"):
        load_record(tmp_path / "record.json")


def test_page_says_mean_spread_and_least_of_each_recipe() -> None:
    page = to_page(list(to_rows(RECORD)), to_lines(RECORD))
    assert "By `python -m training.train --preset fast --seeds 2 --beside 1` on 2026-01-02: a machine, 2 cores." in page
    assert "| fast | 2 | 0.9920 ± 0.0014 | 0.9910 | 0.9910 ± 0.0014 | 5.00 ± 1.41 | 6.00 ± 1.41 |" in page
    assert "| blog | 1 | 0.9880 | 0.9880 | 0.9880 | 600.00 | 600.00 |" in page
    assert "| MNIST test | fast | accuracy, mean of trainings | at least 0.99 | 0.992 | met |" in page
    assert "| MNIST test | blog | accuracy, mean of trainings | at least 0.9885 | 0.988 | **missed** |" in page
