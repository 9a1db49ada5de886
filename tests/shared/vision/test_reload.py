"""Learned weights are loaded while the recognizer runs, if they are usable and belong to the shipped ones."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from shared.networks.layers import SUFFIX
from shared.networks.runtimes import hash_weights
from shared.settings import MODELS, Settings
from shared.vision.reload import (
    CHECK_EVERY_S,
    ReloadingRecognizer,
    delete_learned_weights,
    find_active_weights,
    find_learned_weights,
)
from tests.conftest import MakeSettings
from tests.shared.vision.weights import other_weights, put

DETECTOR = hash_weights((MODELS / "detector.onnx").read_bytes())
SHIPPED = hash_weights((MODELS / "classifier.onnx").read_bytes())


class ClockedRecognizer:
    """A reloading recognizer with a fake clock."""

    def __init__(self, settings: Settings) -> None:
        self.now = 0.0
        self.reloading = ReloadingRecognizer(settings, lambda: self.now)

    def version(self, later_s: float = CHECK_EVERY_S) -> str:
        """Return the version of the classifier in use after a while."""
        self.now += later_s
        return self.reloading.current().classifier.version


def rejected_count() -> float:
    return REGISTRY.get_sample_value("digitcam_weights_refused_total") or 0.0


def test_learned_weights_are_loaded_and_deleted_while_it_runs(make_settings: MakeSettings) -> None:
    settings = make_settings()
    recognizer = ClockedRecognizer(settings)
    assert recognizer.version() == SHIPPED
    for note in ("first", "second"):
        put(find_learned_weights(settings), other_weights(note))
        assert recognizer.version() == hash_weights(other_weights(note))
        assert recognizer.reloading.weights == f"{DETECTOR}+{hash_weights(other_weights(note))}"
        assert REGISTRY.get_sample_value(
            "digitcam_model_info", {"name": "classifier", "version": hash_weights(other_weights(note)), "device": "cpu"}
        )
    learned = find_learned_weights(settings)
    put(learned.with_suffix(SUFFIX), b"layers")
    assert delete_learned_weights(settings)
    assert recognizer.version() == SHIPPED
    assert [*learned.parent.iterdir()] == []
    assert not delete_learned_weights(settings)


def test_file_is_checked_at_most_once_a_second(make_settings: MakeSettings) -> None:
    settings = make_settings()
    recognizer = ClockedRecognizer(settings)
    put(find_learned_weights(settings), other_weights("new"))
    assert recognizer.version(later_s=0.9 * CHECK_EVERY_S) == SHIPPED
    assert recognizer.version(later_s=0.2 * CHECK_EVERY_S) != SHIPPED


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (b"", "is not an ONNX model"),
        (other_weights("cut")[:-1000], "is not an ONNX model"),
        ((MODELS / "blog.onnx").read_bytes(), "does not give the classifier's eleven classes"),
        ((MODELS / "detector.onnx").read_bytes(), "does not give the classifier's eleven classes"),
    ],
    ids=["empty", "truncated", "ten classes", "a detector"],
)
def test_unusable_weights_are_rejected_once_and_the_current_ones_stay(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, weights: bytes, reason: str
) -> None:
    settings = make_settings()
    recognizer, before = ClockedRecognizer(settings), rejected_count()
    put(find_learned_weights(settings), weights)
    with caplog.at_level(logging.WARNING):
        assert [recognizer.version() for _ in range(3)] == [SHIPPED] * 3
    assert rejected_count() == before + 1
    assert [reason in record.getMessage() for record in caplog.records] == [True]


def test_classifier_that_misreads_plain_digits_is_rejected(make_settings: MakeSettings) -> None:
    settings = make_settings()
    weights = bytearray((MODELS / "classifier.onnx").read_bytes())
    recognizer = ClockedRecognizer(settings)
    middle = slice(len(weights) // 4, 3 * len(weights) // 4)
    weights[middle] = bytes(len(weights[middle]))  # half of its weights become 0
    put(find_learned_weights(settings), bytes(weights))
    before = rejected_count()
    assert recognizer.version() == SHIPPED
    assert rejected_count() == before + 1


def test_start_with_broken_learned_weights_loads_the_shipped_ones(make_settings: MakeSettings) -> None:
    settings = make_settings()
    put(find_learned_weights(settings), b"broken")
    before = rejected_count()
    recognizer = ClockedRecognizer(settings)
    assert recognizer.version() == SHIPPED
    assert rejected_count() == before + 1
    put(find_learned_weights(settings), other_weights("mended"))
    assert recognizer.version() == hash_weights(other_weights("mended"))


def put_link(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to("nothing")


def put_file_for_folder(path: Path) -> None:
    path.parent.parent.mkdir(parents=True)
    path.parent.touch()


PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(parents=True),
    "a link to nothing": put_link,
    "below a file": put_file_for_folder,
    "noise": lambda path: put(path, bytes(range(256)) * 1000),
}


@pytest.mark.parametrize("kind", PLACES)
def test_no_damage_of_learned_weights_prevents_a_start(make_settings: MakeSettings, kind: str) -> None:
    settings = make_settings()
    PLACES[kind](find_learned_weights(settings))
    assert ClockedRecognizer(settings).version() == SHIPPED


def test_weights_learned_from_an_earlier_release_are_not_active(make_settings: MakeSettings, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)
    settings = make_settings(MODELS=models)
    recognizer = ClockedRecognizer(settings)
    put(find_learned_weights(settings), other_weights("learned"))
    assert recognizer.version() != SHIPPED
    put(models / "classifier.onnx", other_weights("release"))
    assert recognizer.version() == hash_weights(other_weights("release"))
    assert find_active_weights(settings) == models / "classifier.onnx"


def test_models_that_are_missing_for_a_moment_change_nothing(make_settings: MakeSettings, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)
    recognizer = ClockedRecognizer(make_settings(MODELS=models))
    (models / "classifier.onnx").unlink()
    assert recognizer.version() == SHIPPED


def test_torch_loads_the_learned_weights_too(make_settings: MakeSettings) -> None:
    settings = make_settings(BACKEND="torch", DEVICE="cpu")
    learned = find_learned_weights(settings)
    put(learned.with_suffix(".pt"), (MODELS / "classifier.pt").read_bytes())
    put(learned, other_weights("new"))
    recognizer = ClockedRecognizer(settings)
    assert recognizer.reloading.is_learned
    assert recognizer.version() == hash_weights((MODELS / "classifier.pt").read_bytes())
    put(learned.with_suffix(".pt"), b"broken")
    put(learned, other_weights("newer"))
    before = rejected_count()
    assert recognizer.version() == hash_weights((MODELS / "classifier.pt").read_bytes())
    assert rejected_count() == before + 1
