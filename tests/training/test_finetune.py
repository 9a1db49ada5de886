"""Learning from corrections: they are learned, nothing else is forgotten, and what is worse never comes into force."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.settings import Settings
from shared.vision.corrections import FILE, ClassifiedCrop, Correction, CorrectionStore
from shared.vision.reload import find_active_weights, find_learned_weights, find_shipped_weights, load_classifier
from tests.conftest import MakeSettings
from tests.training.learning import SAID, SQUARE_SIX, correct_squares, drawn, use_little, write
from training import finetune as learning
from training.classifier import Labelled
from training.finetune import OCCASION_S, Figure, learn, main, number_occasions
from training.teach import FinetuneRecipe, teach

FEW = FinetuneRecipe(steps=40, corrections=8, mnist=32, crops=32)
HARDLY = FinetuneRecipe(steps=2, corrections=2, mnist=4, crops=4, learning_rate=1e-5)  # some change that spoils nothing
WILDLY = FinetuneRecipe(steps=4, corrections=8, mnist=4, crops=4, learning_rate=1e-2)
SQUARES = np.asarray([[write(SQUARE_SIX, narrow) / 255] for narrow in (0.6, 0.7, 0.8)], np.float32)


@pytest.fixture
def settings(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    torch.set_num_threads(1)
    use_little(monkeypatch)
    return make_settings()


def correct(settings: Settings) -> CorrectionStore:
    """The table, in which each correction is another occasion."""
    hours = itertools.count()
    return CorrectionStore(settings.learned_dir, lambda: next(hours) * 3600.0)


def rows(printed: str) -> dict[str, list[str]]:
    """What was printed of each set: n, before, after."""
    lines = [line.rsplit(maxsplit=3) for line in printed.splitlines() if line.endswith("%")]
    return {name.strip(): figures for name, *figures in lines}


@pytest.mark.slow
def test_corrections_are_learned_and_the_rest_is_kept(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = load_classifier(find_shipped_weights(settings), "onnx", "cpu")
    assert 6 not in shipped(SQUARES).argmax(axis=1)
    correct_squares(correct(settings), 6)
    assert learn(settings, tmp_path, FEW) == 0
    assert find_active_weights(settings) == find_learned_weights(settings)
    for backend in ("onnx", "torch"):
        learned = load_classifier(find_learned_weights(settings), backend, "cpu")
        assert (learned(SQUARES).argmax(axis=1) == 6).all()
    said = rows(capsys.readouterr().out)
    assert said["corrections"] == ["6", "0.00%", "100.00%"]
    assert said.keys() == {"corrections", "MNIST test", "crops of scenes"}


def test_weights_that_read_other_digits_worse_stay_out(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person says of every digit that it is the next one."""
    images, labels = drawn(40)
    corrections = correct(settings)
    for image, label in zip(images[:40], labels[:40].tolist(), strict=True):
        corrections.add(ClassifiedCrop("desk", image, label), (label + 1) % 10)
    assert learn(settings, tmp_path, WILDLY) == 1
    assert "The weights in force stay: the new ones are worse on" in capsys.readouterr().out
    assert find_active_weights(settings) == find_shipped_weights(settings)


def test_ten_occasions_are_judged_by_those_that_were_not_taught(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[int] = []

    def watched(before: torch.nn.Module, part: Labelled, *rest: object) -> torch.nn.Module:
        taught.append(len(part.labels))
        return teach(before, part, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(learning, "teach", watched)
    monkeypatch.setattr(learning, "install", lambda *_: "kept")
    correct_squares(correct(settings), 10)
    assert learn(settings, tmp_path, HARDLY) == 0
    assert taught == [10, 8]
    assert rows(capsys.readouterr().out)["corrections left out"][0] == "2"


def test_every_learning_begins_with_the_shipped_weights(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was deleted is forgotten."""
    learned: list[torch.Tensor] = []

    def keep(network: torch.nn.Module, *_: object) -> str:
        learned.append(torch.nn.utils.parameters_to_vector(network.parameters()).detach())
        return "kept"

    monkeypatch.setattr(learning, "install", keep)
    corrections = correct(settings)
    correct_squares(corrections, 2)
    learn(settings, tmp_path, HARDLY)
    corrections.add(ClassifiedCrop("desk", write(SQUARE_SIX), SAID), 6)
    learn(settings, tmp_path, HARDLY)
    corrections.delete(corrections.fetch()[0].id)
    learn(settings, tmp_path, HARDLY)
    first, more, again = learned
    assert not torch.equal(first, more)
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    ("said", "occasions"),
    [
        ([("a", 3, 0), ("a", 3, 50), ("a", 3, 100)], [0, 0, 0]),  # it goes on, though longer than a minute in all
        ([("a", 3, 0), ("a", 3, OCCASION_S + 1)], [0, 1]),
        ([("a", 3, 0), ("a", 4, 1), ("b", 3, 2), ("a", 3, 3)], [0, 1, 2, 0]),
    ],
)
def test_frames_of_one_digit_are_one_occasion(said: list[tuple[str, int, float]], occasions: list[int]) -> None:
    seen = np.zeros((28, 28), np.uint8)
    corrections = [Correction(0, at, label, ClassifiedCrop(camera, seen, 0)) for camera, label, at in said]
    assert number_occasions(corrections) == occasions


@pytest.mark.parametrize(
    ("errors", "after", "is_worse"),
    [(0, 9900, False), (0, 9899, True), (1, 9891, False), (1, 9890, True), (math.inf, 0, False)],
)
def test_figure_is_worse_by_more_than_its_standard_errors(errors: float, after: int, is_worse: bool) -> None:
    room = errors * math.sqrt(9900 * 100 / 10_000)  # 9.95
    assert Figure("", 10_000, 9900, after, room).is_worse == is_worse


@pytest.mark.parametrize(
    ("kept", "why"), [(None, "click a digit on the page"), (b"broken" * 100, "move it away, and correct anew")]
)
def test_nothing_to_learn_from_ends_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bytes | None, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEARNED_DIR", str(tmp_path))
    if kept:
        (tmp_path / FILE).write_bytes(kept)
    with pytest.raises(SystemExit, match=why):
        main([])
