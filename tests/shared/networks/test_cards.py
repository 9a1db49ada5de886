"""The shipped weights are those that their cards name, and others are named at the start."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.networks.cards import ROW, check_weights, find_card, write_checksums
from shared.networks.runtimes import load_network
from shared.settings import MODELS
from tests.shared.vision.weights import other_weights

CARD = "# classifier\n\nReads one crop.\n\n## Limits\n\nSome.\n"


@pytest.mark.parametrize("path", sorted([*MODELS.glob("*.onnx"), *MODELS.glob("*.pt")]), ids=lambda path: path.name)
def test_shipped_weights_are_those_of_their_card(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert find_card(path).is_file()
    check_weights(path, path.read_bytes())
    assert not caplog.records, "run make checksums"


def test_cards_name_no_file_that_is_not_there() -> None:
    named = [name for card in MODELS.glob("*.md") for name, _ in ROW.findall(card.read_text())]
    assert sorted(named) == sorted(path.name for path in MODELS.iterdir() if path.suffix in (".onnx", ".pt"))


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_other_weights_are_named_when_they_are_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, backend: str
) -> None:
    for name in ("classifier.md", "classifier.onnx", "classifier.pt"):
        shutil.copy(MODELS / name, tmp_path)
    with caplog.at_level(logging.WARNING):
        load_network(tmp_path / "classifier.onnx", backend, "cpu")
        assert not caplog.records
        (tmp_path / "classifier.onnx").write_bytes(other_weights("of this test"))
        torch.save(
            torch.load(tmp_path / "classifier.pt") | {"figures": {"of": "this test"}}, tmp_path / "classifier.pt"
        )
        load_network(tmp_path / "classifier.onnx", backend, "cpu")
    [record] = caplog.records
    assert "is not the file that classifier.md names" in record.getMessage()


def test_each_changed_byte_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = bytearray((MODELS / "detector.onnx").read_bytes())
    shutil.copy(MODELS / "detector.md", tmp_path)
    random = np.random.default_rng(0)
    for at in random.integers(0, len(weights), 100):
        weights[at] ^= 1 << int(random.integers(8))
        caplog.clear()
        check_weights(tmp_path / "detector.onnx", bytes(weights))
        assert len(caplog.records) == 1


def test_weights_without_a_card_are_your_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_weights(tmp_path / "classifier.onnx", b"learned here")
    assert not caplog.records


def test_card_without_a_checksum_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "classifier.md").write_text(CARD)
    check_weights(tmp_path / "classifier.onnx", b"new")
    assert len(caplog.records) == 1


def test_checksums_are_written_into_a_card_again_and_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    card = tmp_path / "classifier.md"
    write_checksums(card)
    assert not card.exists()
    card.write_text(CARD)
    for version in (b"one", b"another"):
        for name in ("classifier.onnx", "classifier.layers.onnx", "classifier.pt"):
            (tmp_path / name).write_bytes(version)
        write_checksums(card)
        check_weights(tmp_path / "classifier.layers.onnx", version)
    assert not caplog.records
    assert card.read_text().startswith(CARD.rstrip())
    assert len(ROW.findall(card.read_text())) == 3
    written = card.read_text()
    write_checksums(card)
    assert card.read_text() == written
