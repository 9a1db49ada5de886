"""Fine-tuning learns the corrections, forgets nothing else, and installs no weights that are worse."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.networks.layers import SUFFIX
from shared.settings import Settings
from shared.vision.corrections import FILE, ClassifiedCrop, Correction, CorrectionStore
from shared.vision.reload import find_active_weights, find_learned_weights, find_shipped_weights, load_classifier
from tests.conftest import MakeSettings
from tests.training.corrections import PREDICTED, SQUARE_SIX, add_squares, draw_crops, draw_image, use_small_data
from training import finetune
from training.finetune import GROUP_S, FinetuneRecipe, compare, group_corrections, interpolate_back, learn, main
from training.images import LabelledImages

FEW = FinetuneRecipe(steps=40, corrections=8, mnist=32, crops=32)
HARDLY = FinetuneRecipe(steps=2, corrections=2, mnist=4, crops=4, learning_rate=1e-5)  # too small a change to harm
WILDLY = FinetuneRecipe(steps=4, corrections=8, mnist=4, crops=4, learning_rate=1e-2)
SQUARES = np.asarray([[draw_image(SQUARE_SIX, narrow) / 255] for narrow in (0.6, 0.7, 0.8)], np.float32)

SIX, FIVE = 6, 5
CORRECTIONS = LabelledImages(torch.zeros(3, 1, 28, 28, dtype=torch.uint8), torch.full((3,), SIX))


@pytest.fixture
def settings(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    torch.set_num_threads(1)
    use_small_data(monkeypatch)
    return make_settings()


def open_store(settings: Settings) -> CorrectionStore:
    """A store in which each correction is a group of its own."""
    hours = itertools.count()
    return CorrectionStore(settings.learned_dir, lambda: next(hours) * 3600.0)


def rows(printed: str) -> dict[str, list[str]]:
    """The printed table: n, shipped, new and needed of each set."""
    lines = [line.rsplit(maxsplit=4) for line in printed.splitlines() if line.endswith("%")]
    return {name.strip(): figures for name, *figures in lines}


@pytest.mark.slow
def test_corrections_are_learned_and_the_rest_is_kept(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = load_classifier(find_shipped_weights(settings), "onnx", "cpu")
    assert 6 not in shipped(SQUARES).argmax(axis=1)
    add_squares(open_store(settings), 6)
    assert learn(settings, tmp_path, FEW) == 0
    assert find_active_weights(settings) == find_learned_weights(settings)
    for backend in ("onnx", "torch"):
        learned = load_classifier(find_learned_weights(settings), backend, "cpu")
        assert (learned(SQUARES).argmax(axis=1) == 6).all()
    assert find_learned_weights(settings).with_suffix(SUFFIX).is_file()
    printed = rows(capsys.readouterr().out)
    assert printed["corrections"] == ["6", "0.00%", "100.00%", "16.67%"]
    assert printed.keys() == {"corrections", "MNIST test", "crops of scenes"}


def test_weights_that_are_worse_on_other_digits_are_not_installed(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user corrects every digit to the next one."""
    images, labels = draw_crops(40)
    corrections = open_store(settings)
    for image, label in zip(images[:40], labels[:40].tolist(), strict=True):
        corrections.add(ClassifiedCrop("desk", image, label), (label + 1) % 10)
    assert learn(settings, tmp_path, WILDLY) == 1
    assert "The active weights stay: the new ones read too few right of" in capsys.readouterr().out
    assert find_active_weights(settings) == find_shipped_weights(settings)


def test_ten_groups_are_validated_on_those_held_out(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    original = finetune.finetune

    def count_corrections(before: torch.nn.Module, part: LabelledImages, *rest: object) -> torch.nn.Module:
        trained.append(len(part.labels))
        return original(before, part, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(finetune, "finetune", count_corrections)
    monkeypatch.setattr(finetune, "install", lambda *_: "kept")
    add_squares(open_store(settings), 10)
    learn(settings, tmp_path, HARDLY)
    assert trained == [10, 8]
    assert rows(capsys.readouterr().out)["held-out corrections"][0] == "2"


def test_weights_that_are_no_better_are_not_installed(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_squares(open_store(settings), 6)
    assert learn(settings, tmp_path, HARDLY) == 1
    printed = capsys.readouterr().out
    assert rows(printed)["corrections"] == ["6", "0.00%", "0.00%", "16.67%"]
    assert "The active weights stay: the new ones read too few right of corrections." in printed
    assert find_active_weights(settings) == find_shipped_weights(settings)


def test_nothing_is_learned_from_corrections_that_are_read_right(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "load_data", None)
    images, labels = draw_crops(40)
    shipped = load_classifier(find_shipped_weights(settings), "onnx", "cpu")
    read = shipped((images[:, None] / 255).astype(np.float32)).argmax(axis=1)
    corrections = open_store(settings)
    for image, label in zip(images[read == labels], labels[read == labels].tolist(), strict=True):
        corrections.add(ClassifiedCrop("desk", image, 0), label)
    assert corrections.fetch()
    assert learn(settings, tmp_path, FEW) == 1
    assert "the shipped ones already read every correction right" in capsys.readouterr().out


def test_fine_tuning_starts_from_the_shipped_weights(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted correction has no effect any more."""
    learned: list[torch.Tensor] = []

    def keep(network: torch.nn.Module, *_: object) -> str:
        learned.append(torch.nn.utils.parameters_to_vector(network.parameters()).detach())
        return "kept"

    monkeypatch.setattr(finetune, "install", keep)
    monkeypatch.setattr(finetune, "evaluate", lambda *_: [])
    corrections = open_store(settings)
    add_squares(corrections, 2)
    learn(settings, tmp_path, HARDLY)
    corrections.add(ClassifiedCrop("desk", draw_image(SQUARE_SIX), PREDICTED), 6)
    learn(settings, tmp_path, HARDLY)
    corrections.delete(corrections.fetch()[0].id)
    learn(settings, tmp_path, HARDLY)
    first, more, again = learned
    assert not torch.equal(first, more)
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        ([("a", 3, 0), ("a", 3, 50), ("a", 3, 100)], [0, 0, 0]),  # each within a minute of the last one
        ([("a", 3, 0), ("a", 3, GROUP_S + 1)], [0, 1]),
        ([("a", 3, 0), ("a", 4, 1), ("b", 3, 2), ("a", 3, 3)], [0, 1, 2, 0]),
    ],
)
def test_frames_of_one_digit_are_one_group(given: list[tuple[str, int, float]], groups: list[int]) -> None:
    seen = np.zeros((28, 28), np.uint8)
    corrections = [Correction(0, at, label, ClassifiedCrop(camera, seen, 0)) for camera, label, at in given]
    assert group_corrections(corrections) == groups


@pytest.mark.parametrize(
    ("errors", "gain", "needed"),
    [(0, 0, 98), (0, 1, 99), (1, 0, 97), (3, 0, 94)],  # the standard error is 1.4
)
def test_comparison_needs_a_gain_or_tolerates_standard_errors(errors: int, gain: int, needed: int) -> None:
    labels = torch.full((100,), FIVE)
    labels[:2] = SIX
    part = LabelledImages(torch.zeros(100, 1, 28, 28, dtype=torch.uint8), labels)
    five = make_constant(functional.one_hot(torch.tensor(FIVE), 11).float())
    comparison = compare("", five, five, part, errors=errors, gain=gain)
    assert (comparison.before, comparison.after, comparison.needed) == (98, 98, needed)
    assert comparison.is_worse == (needed > 98)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "click a digit in the web interface"), (b"broken" * 100, "move it away, and correct again")],
)
def test_a_store_without_corrections_ends_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEARNED_DIR", str(tmp_path))
    if content:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SystemExit, match=why):
        main([])


def make_constant(bias: Tensor) -> nn.Module:
    """Return a network that gives every image these logits."""
    layer = nn.Linear(784, 11)
    nn.init.zeros_(layer.weight)
    layer.bias.data = bias
    return nn.Sequential(nn.Flatten(), layer)


def biases(network: nn.Module) -> Tensor:
    return dict(network.named_parameters())["1.bias"].detach()


def test_weights_go_back_as_far_as_the_corrections_stay_right() -> None:
    before, after = torch.zeros(11), torch.zeros(11)
    before[FIVE] = after[FIVE] = 1.0
    after[SIX] = 2.0
    assert biases(interpolate_back(make_constant(before), make_constant(after), CORRECTIONS))[SIX] == pytest.approx(1.2)


def test_weights_that_need_the_whole_change_keep_it() -> None:
    before, after = torch.zeros(11), torch.zeros(11)
    before[FIVE] = after[FIVE] = 1.0
    after[SIX] = 1.05
    assert biases(interpolate_back(make_constant(before), make_constant(after), CORRECTIONS))[SIX] == pytest.approx(
        1.05
    )
