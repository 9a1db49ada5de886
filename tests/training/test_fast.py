"""The fast recipe learns in seconds, and Muon orthogonalises its steps."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from training import blog, fast, train
from training.evaluate.records import load_speed_record
from training.fast import FastRecipe, Muon, draw_batches, orthogonalise, schedule

from .test_blog import TEST, TRAINING, load_part, write_mnist


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_miniature_learns_digits_it_has_not_seen() -> None:
    network = fast.train(FastRecipe(epochs=4, batch=25), load_part(TRAINING))
    test_set = load_part(TEST)
    right = fast.predict_five_views(network, test_set.images).argmax(dim=1) == test_set.labels
    assert right.double().mean() >= 0.7  # chance is 0.1


def test_training_is_repeatable() -> None:
    once, again = (fast.train(FastRecipe(batch=25, seed=3), load_part(TRAINING)).state_dict() for _ in range(2))
    assert all(torch.equal(value, again[name]) for name, value in once.items())


def test_an_epoch_shows_each_image_once() -> None:
    batches = draw_batches(FastRecipe(epochs=1, batch=8), 32)
    assert torch.cat(batches).sort().values.tolist() == list(range(32))


@pytest.mark.parametrize(("epochs", "steps"), [(0.5, 6), (1, 12), (1.2, 15)])
def test_steps_are_whole_batches_of_the_epochs(epochs: float, steps: int) -> None:
    assert [len(batch) for batch in draw_batches(FastRecipe(epochs=epochs, batch=8), 100)] == [8] * steps


@pytest.mark.parametrize(("done", "share"), [(0, 0.02), (0.1, 0.51), (0.2, 1), (0.6, 0.51), (1, 0.02)])
def test_rates_rise_and_fall_in_a_line(done: float, share: float) -> None:
    assert schedule(FastRecipe(), done) == pytest.approx(share)


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


def test_five_views_are_an_image_and_its_shifts_by_a_pixel() -> None:
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    images[0, 0, 10, 20] = 255
    seen = fast.predict_five_views(nn.Flatten(), images).reshape(28, 28)
    assert {tuple(place) for place in seen.nonzero().tolist()} == {(10, 20), (9, 20), (11, 20), (10, 19), (10, 21)}
    assert seen.sum() == pytest.approx(1)


def test_command_line_measures_both_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path, monkeypatch)
    monkeypatch.setattr(blog, "RECIPE", replace(blog.RECIPE, epochs=2, batch=25))
    often = ["--seeds", "2", "--epochs", "3", "--blog-seeds", "1", "--blog-epochs", "1"]
    train.main(["--preset", "fast", *often, "--data", str(tmp_path), "--out", str(tmp_path)])
    record = load_speed_record(tmp_path / "speed-record.json")
    assert [(training.recipe, training.seed) for training in record.trainings] == [
        ("fast", 0),
        ("fast", 1),
        ("blog, 1 of 2 epochs", 0),
    ]
    assert 0 < record.trainings[0].cpu_s < record.process_cpu_s


@pytest.mark.parametrize(
    "words", [["--seeds", "0"], ["--blog-seeds", "-1"], ["--threads", "0"], ["--epochs", "nan"], ["--blog-epochs", "0"]]
)
def test_command_line_refuses_counts_out_of_range(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--preset", "fast", *words])
    assert "at least" in capsys.readouterr().err
