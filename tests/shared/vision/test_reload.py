"""Weights in force: the learned ones if they are sound and of these shipped ones, taken up while it reads."""

import logging
import shutil
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

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

SHIPPED = hash_weights((MODELS / "classifier.onnx").read_bytes())


class Watched:
    """A kept classifier with a clock that the test turns."""

    def __init__(self, settings: Settings) -> None:
        self.now = 0.0
        self.kept = ReloadingRecognizer(settings, lambda: self.now)

    def version(self, later_s: float = CHECK_EVERY_S) -> str:
        """Return the version of the classifier in use after a while."""
        self.now += later_s
        return self.kept.current().classifier.version


def refused() -> float:
    return REGISTRY.get_sample_value("digitcam_weights_refused_total") or 0.0


def test_learned_weights_are_taken_up_and_given_back_while_it_reads(make_settings: MakeSettings) -> None:
    settings = make_settings()
    watched = Watched(settings)
    assert watched.version() == SHIPPED
    for note in ("first", "second"):
        put(find_learned_weights(settings), other_weights(note))
        assert watched.version() == hash_weights(other_weights(note))
        assert REGISTRY.get_sample_value(
            "digitcam_model_info", {"name": "classifier", "version": hash_weights(other_weights(note)), "device": "cpu"}
        )
    assert delete_learned_weights(settings)
    assert watched.version() == SHIPPED
    assert not delete_learned_weights(settings)


def test_file_is_looked_at_once_a_second_at_most(make_settings: MakeSettings) -> None:
    settings = make_settings()
    watched = Watched(settings)
    put(find_learned_weights(settings), other_weights("new"))
    assert watched.version(later_s=0.9 * CHECK_EVERY_S) == SHIPPED
    assert watched.version(later_s=0.2 * CHECK_EVERY_S) != SHIPPED


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (b"", "is not an ONNX model"),
        (other_weights("cut")[:-1000], "is not an ONNX model"),
        ((MODELS / "blog.onnx").read_bytes(), "does not give the classifier's eleven classes"),
        ((MODELS / "detector.onnx").read_bytes(), "does not give the classifier's eleven classes"),
    ],
    ids=["empty", "cut off", "of ten answers", "a detector"],
)
def test_weights_that_are_no_classifier_are_refused_once_and_those_before_stay(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, weights: bytes, why: str
) -> None:
    settings = make_settings()
    watched, before = Watched(settings), refused()
    put(find_learned_weights(settings), weights)
    with caplog.at_level(logging.WARNING):
        assert [watched.version() for _ in range(3)] == [SHIPPED] * 3
    assert refused() == before + 1
    assert [why in record.getMessage() for record in caplog.records] == [True]


def test_network_that_knows_no_digits_is_refused(make_settings: MakeSettings) -> None:
    settings = make_settings()
    weights = bytearray((MODELS / "classifier.onnx").read_bytes())
    watched = Watched(settings)
    middle = slice(len(weights) // 4, 3 * len(weights) // 4)
    weights[middle] = bytes(len(weights[middle]))  # half of its numbers become 0
    put(find_learned_weights(settings), bytes(weights))
    before = refused()
    assert watched.version() == SHIPPED
    assert refused() == before + 1


def test_start_with_broken_learned_weights_takes_the_shipped_ones(make_settings: MakeSettings) -> None:
    settings = make_settings()
    put(find_learned_weights(settings), b"broken")
    before = refused()
    watched = Watched(settings)
    assert watched.version() == SHIPPED
    assert refused() == before + 1
    put(find_learned_weights(settings), other_weights("mended"))
    assert watched.version() == hash_weights(other_weights("mended"))


def test_what_was_learned_from_other_shipped_weights_is_not_in_force(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """A release brings better ones; what was learned from those before must not hide them."""
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)
    settings = make_settings(MODELS=models)
    watched = Watched(settings)
    put(find_learned_weights(settings), other_weights("learned"))
    assert watched.version() != SHIPPED
    put(models / "classifier.onnx", other_weights("release"))
    assert watched.version() == hash_weights(other_weights("release"))
    assert find_active_weights(settings) == models / "classifier.onnx"


def test_models_that_are_gone_for_a_moment_change_nothing(make_settings: MakeSettings, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)
    watched = Watched(make_settings(MODELS=models))
    (models / "classifier.onnx").unlink()
    assert watched.version() == SHIPPED


def test_torch_takes_the_learned_weights_too(make_settings: MakeSettings) -> None:
    settings = make_settings(BACKEND="torch", DEVICE="cpu")
    learned = find_learned_weights(settings)
    put(learned.with_suffix(".pt"), (MODELS / "classifier.pt").read_bytes())
    put(learned, other_weights("new"))
    watched = Watched(settings)
    assert watched.kept.is_learned
    assert watched.version() == hash_weights((MODELS / "classifier.pt").read_bytes())
    put(learned.with_suffix(".pt"), b"broken")
    put(learned, other_weights("newer"))
    before = refused()
    assert watched.version() == hash_weights((MODELS / "classifier.pt").read_bytes())
    assert refused() == before + 1
